// A table of facts as History and the tab Activity show it: newest at the bottom, which stays in sight as long as the
// person looks at it.
#pragma once

#include <QTreeView>

#include "ui/shared/history_model.h"

namespace ringfence::ui {

class FactTable final : public QTreeView {
  Q_OBJECT

 public:
  // `model` is borrowed.
  explicit FactTable(HistoryModel& model, QWidget* parent = nullptr);

 signals:
  // The person opened a fact of this run.
  void runWanted(const QString& run);

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void sizeColumns();

  QTimer* scroll_;
};

}  // namespace ringfence::ui
