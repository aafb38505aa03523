// The helper of a person's session, put together: what is heard becomes the icon, notifications and the prompt window;
// what a person wants becomes orders. Waits for nobody.
#pragma once

#include <QDBusConnection>
#include <QObject>
#include <QTimer>
#include <map>
#include <memory>

#include "ui/shared/link.h"
#include "ui/shared/session_lock.h"
#include "ui/shared/stop_link.h"
#include "ui/tray/focus_report.h"
#include "ui/tray/notification_server.h"
#include "ui/tray/prompt_window.h"
#include "ui/tray/shortcut.h"
#include "ui/tray/situation.h"
#include "ui/tray/tray_icon.h"

namespace ringfence::ui {

class PlasmaFocus;
struct Unseen;
class X11Focus;

class Tray final : public QObject {
  Q_OBJECT

 public:
  Tray(const QDBusConnection& session, const QDBusConnection& system, const QString& sessionId);
  ~Tray() override;

 private:
  void connectIcon();
  void watchFocus();
  void watchWayland();
  void watchX11();
  void tellUnseen(const Unseen& why);
  void refresh();
  // What was heard, told: by notifications and by the prompt.
  void tell();
  void notify(const std::vector<client::PendingItem>& questions, const Setting& setting);
  std::map<std::string, client::RunDetails> heldNow();
  Setting setting() const;
  void fulfil(const Wish& wish);
  void act(client::Client::Verb verb, const std::string& run);
  void deny(const DenyOne& wish);
  void stopAll();
  void openPanel();
  void tellFailure(const QString& why);
  void quit();

  Link link_;
  StopLink stop_;
  Situation situation_;
  NotificationServer notifications_;
  SessionLock lock_;
  Shortcut shortcut_;
  TrayIcon icon_;
  PromptWindow prompt_;
  FocusReport focus_;
  std::unique_ptr<X11Focus> x11_;
  std::unique_ptr<PlasmaFocus> plasma_;
  QTimer lookAgain_;  // at what may have lasted by then
  QString failure_;   // what could not be done, until it is shown
};

}  // namespace ringfence::ui
