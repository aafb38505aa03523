#include "ui/shared/connections_model.h"

#include <QLocale>

#include "ui/shared/fact_body.h"
#include "ui/shared/fact_sentences.h"
#include "ui/shared/fact_time.h"

namespace ringfence::ui {

void ConnectionsModel::clear() {
  beginResetModel();
  rows_.clear();
  byTarget_.clear();
  published_ = 0;
  leftOut_ = 0;
  endResetModel();
}

Connection* ConnectionsModel::rowOf(const QString& target) {
  const auto found = byTarget_.find(target);
  if (found != byTarget_.end()) return &rows_[found->second];
  if (rows_.size() >= kMost) {
    ++leftOut_;
    return nullptr;
  }
  byTarget_.emplace(target, rows_.size());
  rows_.push_back({.target = target, .opened = {}, .sentBytes = {}, .receivedBytes = {}, .rule = {}, .at = {}});
  return &rows_.back();
}

void ConnectionsModel::add(const ShownFact& fact) {
  const std::string& kind = fact.line->kind;
  if (kind == "traffic-counted") {
    for (const FactBody& host : FactBody(fact.line->bodyJson).parts("hosts")) {
      Connection* row = rowOf(QStringLiteral("%1:%2").arg(host.text("host"), numberWord(host.number("port"))));
      if (row == nullptr) continue;
      // All so far, not since the last time.
      row->opened = host.number("connections");
      row->sentBytes = host.number("sent_bytes");
      row->receivedBytes = host.number("received_bytes");
      row->at = fact.line->at;
    }
    return;
  }
  if (fact.words.operation != QLatin1String("connect") || fact.words.target.isEmpty()) return;
  Connection* row = rowOf(fact.words.target);
  if (row == nullptr) return;
  row->at = fact.line->at;
  if (!fact.words.rule.isEmpty()) row->rule = fact.words.rule;
  if (fact.words.decision != FactDecision::kNone) row->last = fact.words.decision;
}

void ConnectionsModel::publish() {
  const int before = static_cast<int>(published_), now = static_cast<int>(rows_.size());
  if (now > before) {
    beginInsertRows({}, before, now - 1);
    published_ = rows_.size();
    endInsertRows();
  }
  if (before > 0) emit dataChanged(index(0, 0), index(before - 1, kColumns - 1));
}

int ConnectionsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(published_);
}

int ConnectionsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumns; }

QVariant ConnectionsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case kTarget: return tr("Host and port");
    case kOpened: return tr("Connections");
    case kSent: return tr("Sent");
    case kReceived: return tr("Received");
    case kDecision: return tr("Last decision");
    case kRule: return tr("Rule");
    case kLast: return tr("Last time");
    default: return {};
  }
}

QVariant ConnectionsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) return {};
  const Connection& row = rows_[static_cast<std::size_t>(index.row())];
  switch (index.column()) {
    case kTarget: return row.target;
    case kOpened: return numberWord(row.opened);
    case kSent: return sizeWord(row.sentBytes);
    case kReceived: return sizeWord(row.receivedBytes);
    case kDecision: return decisionWord(row.last);
    case kRule: return row.rule;
    case kLast: return localTime(row.at);
    default: return {};
  }
}

}  // namespace ringfence::ui
