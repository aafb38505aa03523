// Where a run connected to, or wanted to: one row a host and port, as the facts tell it. Bounded.
//
//   ConnectionsModel model;
//   model.add(fact);      // of that run, in their order
//   model.publish();
#pragma once

#include <QAbstractTableModel>
#include <map>
#include <optional>
#include <vector>

#include "ui/shared/fact_log.h"

namespace ringfence::ui {

struct Connection {
  QString target;                                                 // "host:port", visible
  std::optional<std::uint64_t> opened, sentBytes, receivedBytes;  // absent: not told
  FactDecision last = FactDecision::kNone;
  QString rule;
  std::string at;  // of the last fact about it
};

class ConnectionsModel final : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kTarget, kOpened, kSent, kReceived, kDecision, kRule, kLast, kColumns };
  static constexpr std::size_t kMost = 5'000;

  using QAbstractTableModel::QAbstractTableModel;

  void clear();
  // Nothing is told to views before publish().
  void add(const ShownFact& fact);
  void publish();
  const std::vector<Connection>& connections() const { return rows_; }
  // Hosts for which there was no room.
  std::uint64_t leftOut() const { return leftOut_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  Connection* rowOf(const QString& target);

  std::vector<Connection> rows_;
  std::map<QString, std::size_t> byTarget_;
  std::size_t published_ = 0;
  std::uint64_t leftOut_ = 0;
};

}  // namespace ringfence::ui
