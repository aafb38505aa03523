// What the person allowed for longer than once, as a table for views: newest first.
#pragma once

#include <QAbstractTableModel>
#include <QDateTime>
#include <vector>

#include "sdk/client/questions.h"

namespace ringfence::ui {

// Nothing was allowed by it for so long that it may be wanted no more.
bool isStale(const client::GrantRow& grant, const QDateTime& now);

class GrantsModel final : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kWhat, kFor, kGiven, kEnds, kUses, kLastUse, kColumns };

  explicit GrantsModel(QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  const client::GrantRow& grant(int row) const { return grants_[static_cast<std::size_t>(row)]; }
  int indexOf(std::uint64_t id) const;  // -1: it is not there
  void show(std::vector<client::GrantRow> grants);

 private:
  QString textOf(const client::GrantRow& grant, int column) const;

  std::vector<client::GrantRow> grants_;
};

}  // namespace ringfence::ui
