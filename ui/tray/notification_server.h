// The notification server of the desktop (org.freedesktop.Notifications), over D-Bus, without waiting for it. What is
// shown has a key of ours; a new notice under the same key takes the place of the old one. When there is no server,
// nothing happens, and nothing is tried again before one comes.
#pragma once

#include <QDBusConnection>
#include <QMap>
#include <QObject>
#include <optional>

#include "ui/tray/notice.h"

class QDBusMessage;

namespace ringfence::ui {

class NotificationServer final : public QObject {
  Q_OBJECT

 public:
  explicit NotificationServer(const QDBusConnection& bus, QObject* parent = nullptr);
  // Takes away what it shows.
  ~NotificationServer() override;

  // A server that is not running is started by the bus, if there is one; what runs already was asked before.
  enum class Start { kNo, kYes };
  // Asks once what the server can do, and whether it is to be quiet: abilitiesArrived follows, or nothing where there
  // is none.
  void learn(Start start);
  const std::optional<Abilities>& abilities() const { return abilities_; }
  Quiet quiet() const { return quiet_; }

  // The same notice again is not sent again, also when a person closed it.
  void show(const QString& key, const Notice& notice);
  void withdraw(const QString& key);
  QStringList shown() const { return shown_.keys(); }

 signals:
  void abilitiesArrived();
  // The server went away or came: what was shown is not any more.
  void serverChanged();
  void wished(const ringfence::ui::Wish& wish);

 private slots:
  void hearAction(uint id, const QString& action);
  void hearClosed(uint id, uint reason);
  void hearToken(uint id, const QString& token);
  void hearProperties(const QString& interface, const QVariantMap& changed, const QStringList& gone);

 private:
  struct Shown {
    uint id = 0;  // 0: not known yet, or closed by a person
    Notice notice;
    bool isSending = false;
    bool isStale = false;      // changed while it was sent
    bool isWithdrawn = false;  // withdrawn while it was sent
  };

  void send(const QString& key, Shown& shown);
  void sent(const QString& key, const QDBusMessage& reply);
  void close(uint id);
  void forget();
  const QString keyOf(uint id) const;

  QDBusConnection bus_;
  std::optional<Abilities> abilities_;
  std::optional<Start> asked_;
  Quiet quiet_ = Quiet::kNo;
  QMap<QString, Shown> shown_;
};

}  // namespace ringfence::ui
