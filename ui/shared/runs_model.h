// The runs as a list for views: one row a run, what waits for a person first, then what is held, then by name. A run
// keeps its row while its place is the same; what did not change is not told to views.
//
//   connect(&link, &Link::snapshotArrived, &runs, &RunsModel::show);
#pragma once

#include <QAbstractListModel>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "ui/shared/snapshot.h"

namespace ringfence::ui {

// The last minute of one figure, a value for each snapshot; absent: not known then.
using Series = std::deque<std::optional<double>>;

struct RunSeries {
  Series cpu;          // percent of one processor
  Series memory;       // bytes
  Series io;           // bytes a second, read and written
  Series network;      // bytes a second, sent and received
  Series accelerator;  // percent of one GPU or NPU
};

class RunsModel final : public QAbstractListModel {
  Q_OBJECT

 public:
  explicit RunsModel(QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  // Qt::DisplayRole and Qt::AccessibleTextRole: the run in one line.
  QVariant data(const QModelIndex& index, int role) const override;

  const top::Row& row(int index) const { return rows_[static_cast<std::size_t>(index)]; }
  // Null: not among what the last snapshot had.
  const client::RunDetails* details(const std::string& run) const;
  const RunSeries& series(const std::string& run) const;
  int indexOf(const std::string& run) const;  // -1: it is not there
  // Absent before the first snapshot.
  const std::optional<top::Machine>& machine() const { return machine_; }
  const client::StopState& stop() const;
  bool isKnown() const { return !readings_.empty(); }

 public slots:
  // One that comes long after the last begins anew: what was before is no last minute, and no rate goes over the time
  // between.
  void show(const ringfence::ui::Snapshot& snapshot);
  // Nothing is known any more.
  void forget();

 signals:
  // After every snapshot, whatever it changed.
  void updated();

 private:
  void remember(const top::View& view);
  void place(std::vector<top::Row> wanted);

  std::vector<top::Reading> readings_;  // the last ones, as rates need them
  std::vector<top::Row> rows_;
  std::optional<top::Machine> machine_;
  std::map<std::string, RunSeries> series_;
};

}  // namespace ringfence::ui
