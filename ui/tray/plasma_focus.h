// Which process the active window of KDE's Wayland session belongs to. KWin tells each window's to programs that are
// permitted (org_kde_plasma_window_management; the installed ringfence-tray.desktop asks for it), from the socket that
// the window came over; of an X11 program's window, what that program says of itself. A window of another user is
// nobody's.
#pragma once

#include <QObject>
#include <memory>

#include "ui/tray/focus_pace.h"
#include "ui/tray/unseen.h"

namespace ringfence::ui {

class PlasmaFocus final : public QObject {
  Q_OBJECT

 public:
  explicit PlasmaFocus(QObject* parent = nullptr);
  ~PlasmaFocus() override;

  // Makes a connection of its own to $WAYLAND_DISPLAY. Waits for nobody: what is to be said follows as signals, and a
  // compositor that does not answer is one that said nothing yet.
  void begin();

 signals:
  // The first when all windows are known.
  void frontChanged(ringfence::ui::FrontProcess front);
  // For good. Who was in front, if anybody was, is not any more.
  void ended(const ringfence::ui::Unseen& why);

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace ringfence::ui
