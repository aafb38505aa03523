// One of the panel's pages: a widget that is told when a person sees it, so that it asks the daemon for nothing while
// nobody does.
#pragma once

#include <QIcon>
#include <QWidget>

namespace ringfence::ui {

class Page : public QWidget {
  Q_OBJECT

 public:
  using QWidget::QWidget;

  virtual QString title() const = 0;  // in the rail, translated
  virtual QIcon icon() const = 0;
  // It is the page that is looked at, or no longer is (another page, a hidden or minimised window, a locked screen).
  virtual void setSeen(bool seen) = 0;

 signals:
  // Shows a run on the page of the agent.
  void runWanted(const QString& run);
};

}  // namespace ringfence::ui
