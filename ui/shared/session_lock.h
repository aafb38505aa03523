// Whether the person's session is in front of a person: not locked and not switched away from, as logind says. Where
// there is no logind, or it does not say, it is.
#pragma once

#include <QDBusConnection>
#include <QObject>

class QDBusObjectPath;

namespace ringfence::ui {

class SessionLock final : public QObject {
  Q_OBJECT

 public:
  // `sessionId`: $XDG_SESSION_ID; empty: the one that logind takes for ours.
  SessionLock(const QDBusConnection& systemBus, const QString& sessionId, QObject* parent = nullptr);

  bool isLocked() const { return isLocked_ || !isActive_; }

 signals:
  void changed(bool isLocked);

 private slots:
  void hearProperties(const QString& interface, const QVariantMap& changed, const QStringList& gone);

 private:
  void find(const QString& sessionId);
  void follow(const QString& path);

  QDBusConnection bus_;
  bool isLocked_ = false;
  bool isActive_ = true;
};

}  // namespace ringfence::ui
