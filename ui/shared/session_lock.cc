#include "ui/shared/session_lock.h"

#include <QDBusMessage>
#include <QDBusObjectPath>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>

namespace ringfence::ui {
namespace {

const QString kService = "org.freedesktop.login1", kSession = "org.freedesktop.login1.Session",
              kProperties = "org.freedesktop.DBus.Properties";

}  // namespace

SessionLock::SessionLock(const QDBusConnection& systemBus, const QString& sessionId, QObject* parent)
    : QObject(parent), bus_(systemBus) {
  if (!bus_.isConnected()) return;
  if (!sessionId.isEmpty()) {
    find(sessionId);
    return;
  }
  // Signals come from the session's own path only, never from the one that means "ours".
  QDBusMessage call =
      QDBusMessage::createMethodCall(kService, "/org/freedesktop/login1/session/auto", kProperties, "Get");
  auto* watcher = new QDBusPendingCallWatcher(bus_.asyncCall(call << kSession << "Id"), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* done) {
    const QDBusPendingReply<QDBusVariant> reply = *done;
    if (reply.isValid()) find(reply.value().variant().toString());
    done->deleteLater();
  });
}

void SessionLock::find(const QString& sessionId) {
  QDBusMessage call = QDBusMessage::createMethodCall(kService, "/org/freedesktop/login1",
                                                     "org.freedesktop.login1.Manager", "GetSession");
  auto* watcher = new QDBusPendingCallWatcher(bus_.asyncCall(call << sessionId), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* done) {
    const QDBusPendingReply<QDBusObjectPath> reply = *done;
    if (reply.isValid()) follow(reply.value().path());
    done->deleteLater();
  });
}

void SessionLock::follow(const QString& path) {
  bus_.connect(kService, path, kProperties, "PropertiesChanged", this,
               SLOT(hearProperties(QString, QVariantMap, QStringList)));
  QDBusMessage call = QDBusMessage::createMethodCall(kService, path, kProperties, "GetAll");
  auto* watcher = new QDBusPendingCallWatcher(bus_.asyncCall(call << kSession), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* done) {
    const QDBusPendingReply<QVariantMap> reply = *done;
    if (reply.isValid()) hearProperties(kSession, reply.value(), {});
    done->deleteLater();
  });
}

void SessionLock::hearProperties(const QString& interface, const QVariantMap& changed, const QStringList&) {
  if (interface != kSession) return;
  const bool was = isLocked();
  isLocked_ = changed.value("LockedHint", isLocked_).toBool();
  isActive_ = changed.value("Active", isActive_).toBool();
  if (isLocked() != was) emit this->changed(isLocked());
}

}  // namespace ringfence::ui
