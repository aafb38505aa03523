// What a run did, in the order in which it did it: what it called, what was decided and by which rule, what came of it.
#pragma once

#include "ui/panel/agent_tab.h"
#include "ui/panel/sources.h"
#include "ui/shared/history_model.h"

class QComboBox;
class QLabel;
class QLineEdit;

namespace ringfence::ui {

class FactTable;

class ActivityTab final : public AgentTab {
  Q_OBJECT

 public:
  ActivityTab(Sources sources, const FactLog& facts);

  void setRun(const std::string& run) override;
  void setSeen(bool seen) override;

  HistoryModel& model() { return *model_; }

 private:
  void applyFilter();

  HistoryModel* model_;
  std::string run_;
  bool isSeen_ = false;
  QComboBox* what_;
  QLineEdit* search_;
  FactTable* table_;
  QLabel* chosen_;
};

}  // namespace ringfence::ui
