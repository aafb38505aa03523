// Resources: the whole device, what each agent takes of it stacked on one another, and whom the governor held for what.
#pragma once

#include <vector>

#include "ui/panel/page.h"
#include "ui/panel/sources.h"
#include "ui/panel/usage_plots.h"
#include "ui/shared/fact_walk.h"
#include "ui/shared/preemptions_model.h"
#include "ui/shared/usage_bins.h"
#include "ui/shared/usage_stack.h"

class QGridLayout;
class QLabel;
class QTimer;
class QTreeView;

namespace ringfence::ui {

class ResourcesPage final : public Page {
  Q_OBJECT

 public:
  static constexpr std::size_t kBands = 6;  // runs with a band of their own

  ResourcesPage(Sources sources, FactLog& facts);

  QString title() const override;
  QIcon icon() const override;
  void setSeen(bool seen) override;

  UsagePlots& plots() { return *plots_; }

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  QWidget* buildDevice();
  void placeDevice(int pairs);
  QWidget* buildPreemptions();
  void refresh();
  void showMinute();
  void showBands(std::vector<std::vector<Band>> bands);
  void askPast();
  QString nameOf(const std::string& run) const;

  Sources sources_;
  FactLog& facts_;
  bool isSeen_ = false;
  std::vector<QLabel*> names_, values_;
  QGridLayout* device_;
  int pairs_ = 0;  // beside one another; 0: not placed yet
  UsagePlots* plots_;
  QLabel* said_;
  PreemptionsModel* preemptions_;
  FactWalk* walk_;
  QTreeView* table_;
  QTimer* again_;  // for a span of samples
};

}  // namespace ringfence::ui
