#include "ui/shared/preemptions_model.h"

#include <algorithm>

#include "ui/shared/fact_body.h"
#include "ui/shared/fact_sentences.h"
#include "ui/shared/fact_time.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

void PreemptionsModel::clear() {
  rows_.clear();
  isChanged_ = true;
  publish();
}

// The last time that the run was held.
Preemption* PreemptionsModel::openOf(const std::string& run) {
  const auto found =
      std::find_if(rows_.rbegin(), rows_.rend(), [&](const Preemption& row) { return row.isHold && row.run == run; });
  return found == rows_.rend() ? nullptr : &*found;
}

Preemption& PreemptionsModel::push(const ShownFact& fact, QString what) {
  if (rows_.size() >= kMost) rows_.pop_front();
  rows_.push_back({.at = fact.line->at,
                   .run = fact.line->run,
                   .what = std::move(what),
                   .why = FactBody(fact.line->bodyJson).text("reason"),
                   .predicted = {},
                   .real = {}});
  isChanged_ = true;
  return rows_.back();
}

void PreemptionsModel::add(const ShownFact& fact) {
  const std::string& kind = fact.line->kind;
  const bool isEnd = kind == "run-resumed" || kind == "interruption-measured" || kind == "run-ended";
  if (kind != "run-frozen" && kind != "run-restrained" && !isEnd) return;
  const FactBody body(fact.line->bodyJson);
  if (kind == "run-frozen" && body.has("preemption")) {
    Preemption& row = push(fact, tr("paused"));
    row.isHold = true;
    const FactBody predicted = body.part("preemption").part("predicted");
    if (!predicted.isEmpty()) row.predicted = priceWord(predicted);
  } else if (kind == "run-restrained") {
    push(fact, stepWords(body)).isOver = true;
  } else if (Preemption* hold = openOf(fact.line->run); isEnd && hold != nullptr) {
    hold->isOver = true;
    if (kind == "interruption-measured") hold->real = priceWord(body.part("real"));
    isChanged_ = true;
  }
}

QString PreemptionsModel::stepWords(const FactBody& restrained) {
  const QString step = restrained.text("step");
  const QString bytes = sizeWord(restrained.number("bytes"));
  if (step == "reclaim") return tr("memory taken back: %1").arg(bytes);
  if (step == "defer-model-call") return tr("model call put off");
  if (step != "limit-writes") return step;
  return restrained.has("bytes") ? tr("writes slowed to %1 a second").arg(bytes) : tr("writes at full speed again");
}

void PreemptionsModel::publish() {
  if (!isChanged_) return;
  isChanged_ = false;
  beginResetModel();
  shown_.assign(rows_.rbegin(), rows_.rend());
  endResetModel();
}

int PreemptionsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(shown_.size());
}

int PreemptionsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumns; }

QVariant PreemptionsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case kTime: return tr("Time");
    case kAgent: return tr("Agent");
    case kWhat: return tr("What was done");
    case kWhy: return tr("For what");
    case kPredicted: return tr("Thought to cost");
    case kReal: return tr("Did cost");
    default: return {};
  }
}

QVariant PreemptionsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Preemption& row = shown_[static_cast<std::size_t>(index.row())];
  if (role == kRunRole) return QString::fromStdString(row.run);
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) return {};
  switch (index.column()) {
    case kTime: return localTime(row.at);
    case kAgent: {
      const QString name = names_ ? names_(row.run) : QString();
      return name.isEmpty() ? visibleText(row.run) : name;
    }
    case kWhat: return row.what;
    case kWhy: return row.why;
    case kPredicted: return row.predicted.isEmpty() ? tr("not told") : row.predicted;
    case kReal: return !row.real.isEmpty() ? row.real : row.isOver ? tr("not measured") : tr("not over yet");
    default: return {};
  }
}

}  // namespace ringfence::ui
