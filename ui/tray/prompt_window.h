// The window that asks. It comes without taking the focus from what a person is typing into, and takes it only when the
// person asked for it. What waits when it is closed does not open it again; what comes later does.
#pragma once

#include <QWidget>
#include <vector>

#include "ui/shared/runs_model.h"
#include "ui/tray/prompt_queue.h"

class QPushButton;

namespace ringfence::ui {

class Link;
class PromptView;

class PromptWindow final : public QWidget {
  Q_OBJECT

 public:
  // `link`: borrowed, outlives it.
  explicit PromptWindow(Link& link);

  // All that waits, the oldest first, and of which runs.
  void take(const std::vector<client::PendingItem>& waiting, const std::optional<client::RunListing>& listing,
            const Setting& setting);
  // The person asked for it.
  void open();

 protected:
  void closeEvent(QCloseEvent* event) override;

 private:
  enum class Manner { kByItself, kWanted };
  void refresh(Manner manner);

  RunsModel runs_;  // for the names of projects
  PromptQueue queue_;
  std::vector<client::PendingItem> waiting_;
  PromptView* view_;
  QPushButton* next_;
};

}  // namespace ringfence::ui
