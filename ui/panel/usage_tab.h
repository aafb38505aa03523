// What a run uses, over time.
#pragma once

#include "ui/panel/agent_tab.h"
#include "ui/panel/sources.h"
#include "ui/panel/usage_plots.h"

class QLabel;

namespace ringfence::ui {

class UsageTab final : public AgentTab {
  Q_OBJECT

 public:
  explicit UsageTab(Sources sources);

  void setRun(const std::string& run) override;
  void setSeen(bool seen) override;

 private:
  void takeSnapshot();
  void showMinute();
  void askPast();

  Sources sources_;
  std::string run_;
  bool isSeen_ = false;
  UsagePlots* plots_;
  QLabel* said_;
};

}  // namespace ringfence::ui
