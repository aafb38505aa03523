// The window: the permanent bar with the state, the questions and the red stop, the rail, and one page at a time. While
// everything is stopped, the page that says so is in front of them.
#pragma once

#include <QElapsedTimer>
#include <QWidget>
#include <vector>

#include "ui/panel/page.h"
#include "ui/panel/press_guard.h"
#include "ui/panel/rail.h"
#include "ui/panel/sources.h"
#include "ui/panel/stop_facts.h"

class QBoxLayout;
class QStackedWidget;

namespace ringfence::ui {

class SessionLock;
class StoppedPage;

class MainWindow final : public QWidget {
  Q_OBJECT

 public:
  // Narrower than this it is laid out for fingers.
  static constexpr int kNarrow = 700;

  // Owns the pages from now on; their order is that of the rail.
  MainWindow(Sources sources, std::vector<Page*> pages);

  void showPage(int index);
  void showPage(Page::Kind kind);
  void showRun(const QString& run);

 protected:
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void buildPages();
  void buildKeys();
  void listen();
  void tellSeen();
  void layOut();
  void showState();
  bool isStopped() const;
  void takeReceipt(const QByteArray& json);
  void showStopped();
  void pressStop();
  enum class Stopped { kNothing, kUnknown };
  void stopWithoutHelp(Stopped stopped, const QString& why);
  void focusNextPart();
  Page* pageOf(Page::Kind kind) const;

  Sources sources_;
  std::vector<Page*> pages_;
  Page* seen_ = nullptr;  // the one that was told so
  Bar* bar_;
  Rail* rail_;
  QStackedWidget* stack_;
  QBoxLayout* middle_;
  SessionLock* lock_;
  Layout layout_ = Layout::kDesktop;
  QStackedWidget* front_;  // the pages, or that everything is stopped
  StoppedPage* stopped_;
  PressGuard stopGuard_;
  QElapsedTimer sinceReceipt_;  // said that it is latched
  bool wasStopped_ = false;
};

}  // namespace ringfence::ui
