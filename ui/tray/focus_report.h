// Tells the daemon which program of this user's is in front, so that agents give way to it.
#pragma once

#include <QObject>
#include <functional>

#include "ui/shared/link.h"
#include "ui/tray/focus_pace.h"

class QTimer;

namespace ringfence::ui {

class FocusReport final : public QObject {
  Q_OBJECT

 public:
  // `link`: borrowed, outlives it.
  explicit FocusReport(Link& link, QObject* parent = nullptr);

  void show(FrontProcess front);
  // The daemon is there again, and knows nothing: it is told once more.
  void tellAgain();
  // Nobody reports from now on; `then` is called when the daemon knows it, or does not answer.
  void end(const std::function<void()>& then);

 private:
  void tell(const std::optional<FrontProcess>& front);
  void wakeWhenDue();

  Link& link_;
  FocusPace pace_;
  FrontProcess front_;
  QTimer* timer_;
  bool isKnown_ = false;  // anything was shown
};

}  // namespace ringfence::ui
