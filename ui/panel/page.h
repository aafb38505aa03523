// One of the panel's pages: a widget that is told when a person sees it, so that it asks the daemon for nothing while
// nobody does.
#pragma once

#include <QIcon>
#include <QWidget>

namespace ringfence::ui {

class Page : public QWidget {
  Q_OBJECT

 public:
  // By which the window finds one: the count in the bar leads to kInbox, a run to kAgent, the first
  // start to kDoctor.
  enum class Kind { kOther, kNow, kInbox, kAgent, kDoctor };

  using QWidget::QWidget;

  virtual Kind kind() const { return Kind::kOther; }
  virtual QString title() const = 0;  // in the rail, translated
  virtual QIcon icon() const = 0;     // of ui/shared/glyphs.h
  // It is the page that is looked at, or no longer is (another page, a hidden or minimised window, a locked screen).
  virtual void setSeen(bool seen) = 0;
  // From now on it is about that run. Only kAgent is.
  virtual void showRun(const QString& /*run*/) {}

 signals:
  // Shows a run on the page of the agent.
  void runWanted(const QString& run);
};

}  // namespace ringfence::ui
