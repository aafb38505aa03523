#include "ui/tray/shortcut.h"

#include <QDBusConnectionInterface>
#include <QDBusMessage>
#include <QDBusMetaType>
#include <QDBusObjectPath>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusServiceWatcher>
#include <QKeySequence>

namespace ringfence::ui {
namespace {

const QString kService = "org.kde.kglobalaccel", kPath = "/kglobalaccel", kInterface = "org.kde.KGlobalAccel",
              kComponentInterface = "org.kde.kglobalaccel.Component", kComponent = "ringfence-tray",
              kAction = "open-questions";
// Of setShortcut. What a person chose before is kept.
constexpr uint kSetPresent = 2, kIsDefault = 8;
constexpr int kKeys = static_cast<int>(Qt::META) | static_cast<int>(Qt::ALT) | static_cast<int>(Qt::Key_A);

QDBusMessage callOf(const QString& method) {
  return QDBusMessage::createMethodCall(kService, kPath, kInterface, method);
}

}  // namespace

Shortcut::Shortcut(const QDBusConnection& bus, QObject* parent) : QObject(parent), bus_(bus) {
  if (!bus_.isConnected()) return;
  qDBusRegisterMetaType<QList<int>>();
  auto* watcher = new QDBusServiceWatcher(kService, bus_, QDBusServiceWatcher::WatchForRegistration, this);
  connect(watcher, &QDBusServiceWatcher::serviceRegistered, this, &Shortcut::enlist);
  // Asked of the bus, so that where there is none nothing is started for it.
  QDBusMessage call = QDBusMessage::createMethodCall("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                     "org.freedesktop.DBus", "NameHasOwner");
  auto* there = new QDBusPendingCallWatcher(bus_.asyncCall(call << kService), this);
  connect(there, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* done) {
    const QDBusPendingReply<bool> reply = *done;
    if (reply.isValid() && reply.value()) enlist();
    done->deleteLater();
  });
}

void Shortcut::enlist() {
  const QStringList action{kComponent, kAction, "Ringfence", tr("Show what waits for an answer")};
  const auto keys = QVariant::fromValue(QList<int>{kKeys});
  bus_.asyncCall(callOf("doRegister") << action);
  bus_.asyncCall(callOf("setShortcut") << action << keys << kIsDefault);
  bus_.asyncCall(callOf("setShortcut") << action << keys << kSetPresent);
  follow();
}

void Shortcut::follow() {
  auto* watcher = new QDBusPendingCallWatcher(bus_.asyncCall(callOf("getComponent") << kComponent), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* done) {
    const QDBusPendingReply<QDBusObjectPath> reply = *done;
    if (reply.isValid())
      bus_.connect(kService, reply.value().path(), kComponentInterface, "globalShortcutPressed", this,
                   SLOT(hearPressed(QString, QString, qlonglong)));
    done->deleteLater();
  });
}

void Shortcut::hearPressed(const QString& component, const QString& action, qlonglong) {
  if (component == kComponent && action == kAction) emit pressed();
}

}  // namespace ringfence::ui
