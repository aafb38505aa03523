#include "ui/panel/grants_model.h"

#include <QLocale>
#include <algorithm>

#include "ui/shared/question_words.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kStaleDays = 30;
constexpr int kWhatWidth = 120;  // characters

QDateTime momentOf(const std::string& rfc3339) {
  return QDateTime::fromString(QString::fromStdString(rfc3339), Qt::ISODateWithMs);
}

QString dateText(const std::string& rfc3339) {
  const QDateTime moment = momentOf(rfc3339);
  return moment.isValid() ? QLocale().toString(moment.toLocalTime(), QLocale::ShortFormat) : GrantsModel::tr("unknown");
}

QString whatText(const client::GrantRow& grant) {
  client::PendingItem item;
  item.action = {grant.operation, grant.target, "", grant.argv, "", ""};
  return questionLine(item, kWhatWidth);
}

QString forText(const client::GrantRow& grant) {
  const std::string& place = grant.scope == client::Scope::kRun ? grant.run : grant.workspace;
  if (place.empty()) return scopeWords(grant.scope);
  return GrantsModel::tr("%1: %2").arg(scopeWords(grant.scope), visibleText(place, 80));
}

QString endText(const client::GrantRow& grant) {
  if (grant.revokedBy)
    return GrantsModel::tr("revoked %1 by user %2").arg(dateText(grant.ended), QString::number(*grant.revokedBy));
  if (!grant.ended.empty())
    return GrantsModel::tr("ended %1: %2").arg(dateText(grant.ended), visibleText(grant.endedWhy, 80));
  return grant.until.empty() ? GrantsModel::tr("when you revoke it") : dateText(grant.until);
}

QString lastUseText(const client::GrantRow& grant) {
  if (!grant.lastUsed.empty()) return dateText(grant.lastUsed);
  return grant.hits == 0 ? GrantsModel::tr("never") : GrantsModel::tr("before the daemon started");
}

}  // namespace

bool isStale(const client::GrantRow& grant, const QDateTime& now) {
  if (!grant.ended.empty()) return false;
  const QDateTime since = momentOf(grant.lastUsed.empty() ? grant.issued : grant.lastUsed);
  // One that was used before the daemon started was used nobody knows when.
  const bool isKnown = since.isValid() && (grant.hits == 0 || !grant.lastUsed.empty());
  return isKnown && since.daysTo(now) >= kStaleDays;
}

GrantsModel::GrantsModel(QObject* parent) : QAbstractTableModel(parent) {}

int GrantsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(grants_.size());
}

int GrantsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumns; }

QString GrantsModel::textOf(const client::GrantRow& grant, int column) const {
  switch (column) {
    case kWhat: return whatText(grant);
    case kFor: return forText(grant);
    case kGiven: return tr("%1 by user %2").arg(dateText(grant.issued), QString::number(grant.byUid));
    case kEnds: return endText(grant);
    case kUses: return QString::number(grant.hits);
    case kLastUse:
      return isStale(grant, QDateTime::currentDateTimeUtc())
                 ? tr("%1 (unused for %n days: still wanted?)", nullptr, kStaleDays).arg(lastUseText(grant))
                 : lastUseText(grant);
    default: return {};
  }
}

QVariant GrantsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole && role != Qt::ToolTipRole) return {};
  const QString text = textOf(grant(index.row()), index.column());
  // A tooltip takes what looks like markup for markup.
  return role == Qt::ToolTipRole ? toolTipOf(text) : text;
}

QVariant GrantsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case kWhat: return tr("Allowed to");
    case kFor: return tr("For");
    case kGiven: return tr("Given");
    case kEnds: return tr("Ends");
    case kUses: return tr("Uses");
    case kLastUse: return tr("Last use");
    default: return {};
  }
}

int GrantsModel::indexOf(std::uint64_t id) const {
  const auto found = std::ranges::find(grants_, id, &client::GrantRow::id);
  return found == grants_.end() ? -1 : static_cast<int>(found - grants_.begin());
}

void GrantsModel::show(std::vector<client::GrantRow> grants) {
  beginResetModel();
  grants_ = std::move(grants);
  const auto place = [](const client::GrantRow& grant) { return std::pair(!grant.ended.empty(), ~grant.id); };
  std::ranges::sort(grants_, {}, place);
  endResetModel();
}

}  // namespace ringfence::ui
