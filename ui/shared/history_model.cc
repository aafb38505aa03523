#include "ui/shared/history_model.h"

#include <QTimer>
#include <algorithm>

#include "ui/shared/fact_time.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

// An agent may make an argument as long as it likes; a cell is painted often.
constexpr qsizetype kMostShown = 400;

QString shortened(const QString& text) { return text.size() <= kMostShown ? text : text.left(kMostShown) + u'…'; }

}  // namespace

bool matches(const ShownFact& fact, const QString& name, const FactFilter& filter) {
  if (filter.run && fact.line->run != *filter.run) return false;
  if (filter.decision && fact.words.decision != *filter.decision) return false;
  if (!filter.kinds.empty() && !filter.kinds.contains(fact.line->kind)) return false;
  if (filter.text.isEmpty()) return true;
  for (const QString* text : {&fact.words.sentence, &fact.words.rule, &name}) {
    if (text->contains(filter.text, Qt::CaseInsensitive)) return true;
  }
  const std::string wanted = filter.text.toStdString();
  for (const std::string* text : {&fact.line->bodyJson, &fact.line->kind, &fact.line->run}) {
    if (text->find(wanted) != std::string::npos) return true;
  }
  return false;
}

HistoryModel::HistoryModel(const FactLog& facts, QObject* parent)
    : QAbstractTableModel(parent), facts_(facts), next_(facts.first()), slices_(new QTimer(this)) {
  slices_->setInterval(0);
  connect(slices_, &QTimer::timeout, this, &HistoryModel::goOn);
  connect(&facts, &FactLog::appended, this, [this] {
    dropOld();
    goOn();
  });
  connect(&facts, &FactLog::cleared, this, [this] { setFilter(filter_); });
  if (isFiltering()) slices_->start();
}

void HistoryModel::setFilter(FactFilter filter) {
  beginResetModel();
  filter_ = std::move(filter);
  places_.clear();
  next_ = facts_.first();
  endResetModel();
  if (isFiltering()) slices_->start();
  emit progressed();
}

QString HistoryModel::nameOf(const std::string& run) const {
  QString name = facts_.nameOf(run);
  if (name.isEmpty() && names_) name = names_(run);
  return name.isEmpty() ? visibleText(run) : name;
}

void HistoryModel::dropOld() {
  const auto kept = std::ranges::lower_bound(places_, facts_.first());
  if (kept != places_.begin()) {
    beginRemoveRows({}, 0, static_cast<int>(kept - places_.begin()) - 1);
    places_.erase(places_.begin(), kept);
    endRemoveRows();
  }
  next_ = std::max(next_, facts_.first());
}

void HistoryModel::goOn() {
  dropOld();
  const std::uint64_t until = std::min(facts_.end(), next_ + kSlice);
  std::vector<std::uint64_t> found;
  for (; next_ < until; ++next_) {
    const ShownFact& fact = facts_.at(next_);
    const bool needsName = !filter_.text.isEmpty();
    if (matches(fact, needsName ? nameOf(fact.line->run) : QString(), filter_)) found.push_back(next_);
  }
  if (!found.empty()) {
    const int rows = rowCount();
    beginInsertRows({}, rows, rows + static_cast<int>(found.size()) - 1);
    places_.insert(places_.end(), found.begin(), found.end());
    endInsertRows();
  }
  if (isFiltering())
    slices_->start();
  else
    slices_->stop();
  emit progressed();
}

int HistoryModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(places_.size());
}

int HistoryModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumns; }

Qt::ItemFlags HistoryModel::flags(const QModelIndex& index) const {
  if (!index.isValid()) return Qt::NoItemFlags;
  return QAbstractTableModel::flags(index) | Qt::ItemNeverHasChildren;
}

QVariant HistoryModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case kTime: return tr("Time");
    case kAgent: return tr("Agent");
    case kWhat: return tr("What happened");
    case kDecision: return tr("Decision");
    case kRule: return tr("Rule");
    default: return {};
  }
}

QVariant HistoryModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const ShownFact* known = this->fact(index.row());
  if (known == nullptr) return {};
  const ShownFact& fact = *known;
  if (role == kRunRole) return QString::fromStdString(fact.line->run);
  if (role == kSeqRole) return QVariant::fromValue<qulonglong>(fact.line->seq);
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) return {};
  switch (index.column()) {
    case kTime: return localTime(fact.line->at);
    case kAgent: return fact.line->run.empty() ? QString() : nameOf(fact.line->run);
    case kWhat: return shortened(fact.words.sentence);
    case kDecision: return decisionWord(fact.words.decision);
    case kRule: return shortened(fact.words.rule);
    default: return {};
  }
}

}  // namespace ringfence::ui
