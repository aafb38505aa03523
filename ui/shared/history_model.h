// The facts that a person looks for, as rows of a table in the order in which they happened. Filtering goes over the
// log in slices: rows come as they are found, and the window never waits.
//
//   HistoryModel model(facts);
//   model.setFilter({.text = "git push"});
#pragma once

#include <QAbstractTableModel>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "ui/shared/fact_log.h"

class QTimer;

namespace ringfence::ui {

struct FactFilter {
  QString text = {};                    // any of the words, the rule, the agent's name, the log's own text
  std::optional<std::string> run = {};  // "": facts about no run
  std::set<std::string> kinds = {};     // empty: all
  std::optional<FactDecision> decision = {};
  bool operator==(const FactFilter&) const = default;
};
// Pure. `name`: of its run.
bool matches(const ShownFact& fact, const QString& name, const FactFilter& filter);

class HistoryModel final : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kTime, kAgent, kWhat, kDecision, kRule, kColumns };
  enum Role { kRunRole = Qt::UserRole, kSeqRole };
  static constexpr std::uint64_t kSlice = 4'000;  // facts looked at in a turn

  explicit HistoryModel(const FactLog& facts, QObject* parent = nullptr);

  void setFilter(FactFilter filter);
  const FactFilter& filter() const { return filter_; }
  // Not every fact has been looked at yet.
  bool isFiltering() const { return next_ < facts_.end(); }
  // Names for runs whose start the log does not have; asked for when a row is shown or searched.
  void setNames(std::function<QString(const std::string& run)> names) { names_ = std::move(names); }
  QString nameOf(const std::string& run) const;
  // Null: the log has dropped it, and it is a row for a moment still.
  const ShownFact* fact(int row) const {
    const std::uint64_t place = places_[static_cast<std::size_t>(row)];
    return place < facts_.first() ? nullptr : &facts_.at(place);
  }
  // Of the rows, for FactLog::lines.
  std::vector<std::uint64_t> places() const { return {places_.begin(), places_.end()}; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;

 signals:
  // How far it is: rows, or isFiltering, changed.
  void progressed();

 private:
  void goOn();
  void dropOld();

  const FactLog& facts_;
  FactFilter filter_;
  std::function<QString(const std::string&)> names_;
  std::deque<std::uint64_t> places_;  // rising
  std::uint64_t next_ = 0;            // the first that was not looked at
  QTimer* slices_;
};

}  // namespace ringfence::ui
