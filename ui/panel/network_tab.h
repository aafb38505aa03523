// Where a run connected to, as the log tells it.
#pragma once

#include "ui/panel/agent_tab.h"
#include "ui/shared/connections_model.h"
#include "ui/shared/fact_walk.h"

class QLabel;

namespace ringfence::ui {

class NetworkTab final : public AgentTab {
  Q_OBJECT

 public:
  explicit NetworkTab(const FactLog& facts);

  void setRun(const std::string& run) override;
  void setSeen(bool seen) override;

  const ConnectionsModel& model() const { return *model_; }

 private:
  void showCounts();

  std::string run_;
  bool isSeen_ = false;
  ConnectionsModel* model_;
  FactWalk* walk_;
  QLabel* counts_;
};

}  // namespace ringfence::ui
