// What the governor did to runs and for what, one row an intervention: what it was thought to cost, and what it did
// cost once that was measured. Bounded: the newest.
//
//   PreemptionsModel model;
//   model.add(fact);      // in their order
//   model.publish();
#pragma once

#include <QAbstractTableModel>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "ui/shared/fact_log.h"

namespace ringfence::ui {

class FactBody;

struct Preemption {
  std::string at, run;
  QString what, why;        // "paused"; the governor's own words
  QString predicted, real;  // in words; empty: not told, or not measured yet
  bool isHold = false;      // it was paused; else a milder step
  bool isOver = false;
};

class PreemptionsModel final : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kTime, kAgent, kWhat, kWhy, kPredicted, kReal, kColumns };
  enum Role { kRunRole = Qt::UserRole };
  static constexpr std::size_t kMost = 2'000;

  using QAbstractTableModel::QAbstractTableModel;

  void setNames(std::function<QString(const std::string& run)> names) { names_ = std::move(names); }
  void clear();
  // Nothing is told to views before publish().
  void add(const ShownFact& fact);
  void publish();
  const std::vector<Preemption>& rows() const { return shown_; }  // the newest first

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  static QString stepWords(const FactBody& restrained);
  Preemption* openOf(const std::string& run);
  Preemption& push(const ShownFact& fact, QString what);

  std::function<QString(const std::string&)> names_;
  std::deque<Preemption> rows_;  // the newest last
  std::vector<Preemption> shown_;
  bool isChanged_ = false;
};

}  // namespace ringfence::ui
