// ringfence-tray: starts with the person's session, shows how Ringfence stands, tells what waits for an answer, asks,
// and reports the window in front. Agents do not need it.
#include <QApplication>
#include <QSettings>
#include <cstdio>

#include "ui/shared/language.h"
#include "ui/shared/target_style.h"
#include "ui/tray/instance_lock.h"
#include "ui/tray/tray.h"

int main(int argc, char** argv) {
  using namespace ringfence;
  const auto lock = ui::lockInstance(qEnvironmentVariable("XDG_RUNTIME_DIR").toStdString(),
                                     qEnvironmentVariable("XDG_SEAT").toStdString());
  if (!lock) {
    (void)std::fprintf(stderr, "ringfence-tray: %s\n", lock.error().message.c_str());
    return lock.error().code == ErrorCode::kBusy ? 0 : 1;
  }
  QApplication application(argc, argv);
  QApplication::setApplicationName("ringfence-tray");
  QApplication::setDesktopFileName("ringfence-tray");
  QApplication::setApplicationVersion(RINGFENCE_VERSION);
  QApplication::setQuitOnLastWindowClosed(false);
  ui::useLanguage(application, QSettings("ringfence", "ringfence").value("language").toString());  // the panel's
  QApplication::setStyle(new ui::TargetStyle);
  ui::Tray tray(QDBusConnection::sessionBus(), QDBusConnection::systemBus(), qEnvironmentVariable("XDG_SESSION_ID"));
  return QApplication::exec();
}
