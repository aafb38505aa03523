#include "ui/shared/runs_model.h"

#include <QString>
#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace ringfence::ui {
namespace {

constexpr std::size_t kValuesKept = 120;  // a minute of snapshots
constexpr Microseconds kReadingsApart{900'000};
constexpr Microseconds kGap{3'000'000};  // nobody looked meanwhile

void append(Series& series, std::optional<double> value) {
  series.push_back(value);
  if (series.size() > kValuesKept) series.pop_front();
}

std::optional<double> sumOf(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

// What a person should see first.
auto placeOf(const top::Row& row) {
  const bool asks = row.questions.value_or(0) > 0;
  const bool held = row.state == "frozen";
  return std::tuple(!asks, !held, row.name, row.run);
}

}  // namespace

RunsModel::RunsModel(QObject* parent) : QAbstractListModel(parent) {}

int RunsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

QVariant RunsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const top::Row& row = this->row(index.row());
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) return {};
  return QString::fromStdString(row.name + ", " + row.state);
}

const client::RunDetails* RunsModel::details(const std::string& run) const {
  if (readings_.empty()) return nullptr;
  const auto& runs = readings_.back().runs;
  const auto found = std::ranges::find(runs, run, &client::RunDetails::id);
  return found == runs.end() ? nullptr : &*found;
}

const RunSeries& RunsModel::series(const std::string& run) const {
  static const RunSeries kNone;
  const auto found = series_.find(run);
  return found == series_.end() ? kNone : found->second;
}

int RunsModel::indexOf(const std::string& run) const {
  const auto found = std::ranges::find(rows_, run, &top::Row::run);
  return found == rows_.end() ? -1 : static_cast<int>(found - rows_.begin());
}

const client::StopState& RunsModel::stop() const {
  static const client::StopState kUnknown;
  return readings_.empty() ? kUnknown : readings_.back().stop;
}

void RunsModel::show(const Snapshot& snapshot) {
  if (!readings_.empty() && snapshot->at - readings_.back().at > kGap) {
    readings_.clear();
    series_.clear();
  }
  // Rates are of readings a second apart, so that of two snapshots within it the newer one takes the place of the
  // older.
  if (readings_.size() > 1 && readings_.back().at - readings_[readings_.size() - 2].at < kReadingsApart)
    readings_.pop_back();
  readings_.push_back(*snapshot);
  if (readings_.size() > top::kReadingsKept) readings_.erase(readings_.begin());
  top::View view = top::viewOf(readings_, top::SortKey::kName);
  std::ranges::sort(view.rows, {}, placeOf);
  machine_ = std::move(view.machine);
  remember(view);

  place(std::move(view.rows));
  if (!rows_.empty()) emit dataChanged(index(0), index(static_cast<int>(rows_.size()) - 1));
  emit updated();
}

// Step by step from the rows that are shown to those that shall be, so that views keep what is chosen and where they
// are.
void RunsModel::place(std::vector<top::Row> wanted) {
  std::set<std::string_view> stay;
  for (const top::Row& row : wanted) stay.insert(row.run);
  for (int at = static_cast<int>(rows_.size()) - 1; at >= 0; --at) {
    if (stay.contains(row(at).run)) continue;
    beginRemoveRows({}, at, at);
    rows_.erase(rows_.begin() + at);
    endRemoveRows();
  }
  for (int at = 0; at < static_cast<int>(wanted.size()); ++at) {
    top::Row& next = wanted[static_cast<std::size_t>(at)];
    const int is = indexOf(next.run);
    if (is == at) {
      rows_[static_cast<std::size_t>(at)] = std::move(next);
    } else if (is < 0) {
      beginInsertRows({}, at, at);
      rows_.insert(rows_.begin() + at, std::move(next));
      endInsertRows();
    } else {
      beginMoveRows({}, is, is, {}, at);
      rows_.erase(rows_.begin() + is);
      rows_.insert(rows_.begin() + at, std::move(next));
      endMoveRows();
    }
  }
}

void RunsModel::forget() {
  beginResetModel();
  readings_.clear();
  rows_.clear();
  machine_.reset();
  series_.clear();
  endResetModel();
  emit updated();
}

void RunsModel::remember(const top::View& view) {
  std::map<std::string, RunSeries> kept;
  for (const top::Row& row : view.rows) {
    RunSeries& series = kept[row.run];
    series = std::move(series_[row.run]);
    append(series.cpu, row.cpu);
    append(series.memory, row.memory ? std::optional(static_cast<double>(*row.memory)) : std::nullopt);
    append(series.io, sumOf(row.read, row.written));
    append(series.network, row.network);
    append(series.accelerator, row.accelerator);
  }
  series_ = std::move(kept);
}

}  // namespace ringfence::ui
