// main() of the tests of windows: an application that nobody sees, in a language and with settings of its own, and
// without the desktop of whoever runs the tests.
#include <QApplication>
#include <QDir>
#include <QTemporaryDir>

#include <catch2/catch_session.hpp>

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  qputenv("LC_ALL", "C.UTF-8");
  qunsetenv("LANGUAGE");
  const QTemporaryDir home;
  qputenv("XDG_CONFIG_HOME", home.filePath("config").toUtf8());
  qputenv("XDG_RUNTIME_DIR", home.path().toUtf8());
  // Absent, Qt would look for the bus of the session elsewhere.
  qputenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=" + home.filePath("no-bus").toUtf8());
  qputenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=" + home.filePath("no-bus").toUtf8());
  int qtArguments = 1;  // The others are for Catch2.
  QApplication application(qtArguments, argv);
  QApplication::setOrganizationName("ringfence");
  QApplication::setApplicationName("ringfence-test");
  QApplication::setQuitOnLastWindowClosed(false);
  return Catch::Session().run(argc, argv);
}
