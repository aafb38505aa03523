// One shortcut of the session, where the desktop is KDE's: it opens the questions. Its keys are set in the desktop's
// own settings, under "Ringfence". Elsewhere a person binds commands: docs/tray.md.
#pragma once

#include <QDBusConnection>
#include <QObject>

class QDBusObjectPath;

namespace ringfence::ui {

class Shortcut final : public QObject {
  Q_OBJECT

 public:
  explicit Shortcut(const QDBusConnection& bus, QObject* parent = nullptr);

 signals:
  void pressed();

 private slots:
  void hearPressed(const QString& component, const QString& action, qlonglong timestamp);

 private:
  void enlist();
  void follow();

  QDBusConnection bus_;
};

}  // namespace ringfence::ui
