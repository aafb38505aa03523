#include "ui/tray/notification_server.h"

#include <QDBusConnectionInterface>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusServiceWatcher>
#include <QDBusVariant>

namespace ringfence::ui {
namespace {

const QString kService = "org.freedesktop.Notifications", kPath = "/org/freedesktop/Notifications",
              kInterface = "org.freedesktop.Notifications", kProperties = "org.freedesktop.DBus.Properties";
constexpr int kForEver = 0;  // of expire_timeout

QDBusMessage callOf(const QString& interface, const QString& method) {
  return QDBusMessage::createMethodCall(kService, kPath, interface, method);
}

QVariantMap hintsOf(const Notice& notice) {
  return {{"urgency", QVariant::fromValue(static_cast<uchar>(notice.urgency))},
          {"resident", notice.isResident},
          {"category", notice.category},
          {"desktop-entry", "ringfence-tray"}};
}

}  // namespace

NotificationServer::NotificationServer(const QDBusConnection& bus, QObject* parent) : QObject(parent), bus_(bus) {
  auto* watcher = new QDBusServiceWatcher(kService, bus_, QDBusServiceWatcher::WatchForOwnerChange, this);
  connect(watcher, &QDBusServiceWatcher::serviceOwnerChanged, this, [this] {
    forget();
    learn(Start::kNo);
    emit serverChanged();
  });
  bus_.connect(kService, kPath, kInterface, "ActionInvoked", this, SLOT(hearAction(uint, QString)));
  bus_.connect(kService, kPath, kInterface, "NotificationClosed", this, SLOT(hearClosed(uint, uint)));
  bus_.connect(kService, kPath, kInterface, "ActivationToken", this, SLOT(hearToken(uint, QString)));
  bus_.connect(kService, kPath, kProperties, "PropertiesChanged", this,
               SLOT(hearProperties(QString, QVariantMap, QStringList)));
  learn(Start::kNo);
}

NotificationServer::~NotificationServer() {
  for (const Shown& shown : shown_) close(shown.id);
}

void NotificationServer::forget() {
  abilities_.reset();
  asked_.reset();
  quiet_ = Quiet::kNo;
  shown_.clear();
}

void NotificationServer::learn(Start start) {
  if (abilities_ || (asked_ && *asked_ >= start)) return;  // Until the server changes.
  asked_ = start;
  QDBusMessage inhibited = callOf(kProperties, "Get") << kInterface << "Inhibited";
  QDBusMessage capabilities = callOf(kInterface, "GetCapabilities");
  for (QDBusMessage* call : {&inhibited, &capabilities}) call->setAutoStartService(start == Start::kYes);
  auto* quiet = new QDBusPendingCallWatcher(bus_.asyncCall(inhibited), this);
  connect(quiet, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* call) {
    const QDBusPendingReply<QDBusVariant> reply = *call;  // Most servers do not have it.
    if (reply.isValid()) hearProperties(kInterface, {{"Inhibited", reply.value().variant()}}, {});
    call->deleteLater();
  });
  auto* abilities = new QDBusPendingCallWatcher(bus_.asyncCall(capabilities), this);
  connect(abilities, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* call) {
    const QDBusPendingReply<QStringList> reply = *call;
    if (reply.isValid()) {
      abilities_ = Abilities{reply.value().contains("actions"), reply.value().contains("body-markup")};
      emit abilitiesArrived();
    }
    call->deleteLater();
  });
}

void NotificationServer::show(const QString& key, const Notice& notice) {
  const auto found = shown_.find(key);
  if (found != shown_.end() && found->notice == notice && !found->isWithdrawn) return;
  Shown& shown = shown_[key];
  shown.notice = notice;
  shown.isWithdrawn = false;
  if (shown.isSending)
    shown.isStale = true;
  else
    send(key, shown);
}

void NotificationServer::withdraw(const QString& key) {
  const auto found = shown_.find(key);
  if (found == shown_.end()) return;
  if (found->isSending) {
    found->isWithdrawn = true;
    return;
  }
  close(found->id);
  shown_.erase(found);
}

void NotificationServer::send(const QString& key, Shown& shown) {
  shown.isSending = true;
  shown.isStale = false;
  QDBusMessage call = callOf(kInterface, "Notify");
  call << "Ringfence" << shown.id << "ringfence" << shown.notice.summary << shown.notice.body << shown.notice.actions
       << hintsOf(shown.notice) << (shown.notice.isResident ? kForEver : -1);
  auto* watcher = new QDBusPendingCallWatcher(bus_.asyncCall(call), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, key](QDBusPendingCallWatcher* done) {
    sent(key, done->reply());
    done->deleteLater();
  });
}

void NotificationServer::sent(const QString& key, const QDBusMessage& reply) {
  const auto found = shown_.find(key);
  if (found == shown_.end()) return;  // The server changed meanwhile.
  found->isSending = false;
  if (reply.type() != QDBusMessage::ReplyMessage) {
    if (found->isWithdrawn) shown_.erase(found);
    return;
  }
  found->id = reply.arguments().value(0).toUInt();
  if (found->isWithdrawn) {
    close(found->id);
    shown_.erase(found);
  } else if (found->isStale) {
    send(key, *found);
  }
}

void NotificationServer::close(uint id) {
  if (id != 0) bus_.asyncCall(callOf(kInterface, "CloseNotification") << id);
}

const QString NotificationServer::keyOf(uint id) const {
  for (auto shown = shown_.begin(); id != 0 && shown != shown_.end(); ++shown) {
    if (shown->id == id) return shown.key();
  }
  return {};
}

void NotificationServer::hearAction(uint id, const QString& action) {
  if (keyOf(id).isEmpty()) return;  // Of somebody else's notification.
  if (const auto wish = wishOf(action)) emit wished(*wish);
}

void NotificationServer::hearClosed(uint id, uint) {
  const QString key = keyOf(id);
  if (!key.isEmpty()) shown_[key].id = 0;
}

// Comes before ActionInvoked. Qt hands it to the compositor with the next window that is raised.
void NotificationServer::hearToken(uint id, const QString& token) {
  if (!keyOf(id).isEmpty()) qputenv("XDG_ACTIVATION_TOKEN", token.toUtf8());
}

void NotificationServer::hearProperties(const QString& interface, const QVariantMap& changed, const QStringList&) {
  if (interface != kInterface || !changed.contains("Inhibited")) return;
  const Quiet quiet = changed["Inhibited"].toBool() ? Quiet::kYes : Quiet::kNo;
  if (std::exchange(quiet_, quiet) != quiet && abilities_) emit abilitiesArrived();
}

}  // namespace ringfence::ui
