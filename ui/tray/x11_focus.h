// Which process the active window of an X11 desktop belongs to. The window manager names the window, and the X server,
// which looked at the connection of its owner, the process: nobody is believed about himself. A window of another
// machine, or of another user, is nobody's.
#pragma once

#include <QObject>
#include <memory>

#include "ui/tray/focus_pace.h"

namespace ringfence::ui {

class X11Focus final : public QObject {
  Q_OBJECT

 public:
  // A connection of its own to $DISPLAY. Waits for the X server once, to connect. Null: there is none, or it does not
  // tell whose a window is.
  static std::unique_ptr<X11Focus> create();
  ~X11Focus() override;

  // Says who is in front now; changes follow as frontChanged.
  void begin();

 signals:
  void frontChanged(ringfence::ui::FrontProcess front);
  // The X server is gone.
  void lost();

 private:
  struct Connection;
  explicit X11Focus(std::unique_ptr<Connection> connection);
  void read();

  std::unique_ptr<Connection> connection_;
};

}  // namespace ringfence::ui
