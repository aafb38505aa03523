// The window: the permanent bar with the state, the questions and the red stop, the rail, and one page at a time.
#pragma once

#include <QWidget>
#include <vector>

#include "ui/panel/page.h"
#include "ui/shared/link.h"
#include "ui/shared/runs_model.h"
#include "ui/shared/stop_link.h"

class QListWidget;
class QStackedWidget;

namespace ringfence::ui {

// What the window and its pages show and act through. Borrowed: outlives them.
struct Sources {
  Link& link;
  StopLink& stop;
  RunsModel& runs;
};

class MainWindow final : public QWidget {
  Q_OBJECT

 public:
  // Owns the pages from now on; their order is that of the rail.
  MainWindow(Sources sources, std::vector<Page*> pages);

  void showPage(int index);
  int shownPage() const;

 protected:
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 private:
  void tellSeen();

  Sources sources_;
  std::vector<Page*> pages_;
  Page* seen_ = nullptr;  // the one that was told so
  QListWidget* rail_;
  QStackedWidget* stack_;
};

}  // namespace ringfence::ui
