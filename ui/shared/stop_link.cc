#include "ui/shared/stop_link.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <mutex>
#include <thread>

#include "sdk/client/stop_client.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

using namespace std::chrono_literals;

struct StopLink::Alive {
  std::mutex mutex;
  StopLink* link = nullptr;  // null: gone
};

StopLink::StopLink(QObject* parent) : QObject(parent), alive_(std::make_shared<Alive>()) { alive_->link = this; }

StopLink::~StopLink() {
  const std::lock_guard lock(alive_->mutex);
  alive_->link = nullptr;
}

// A thread for each request: a stop never waits behind another one.
void StopLink::ask(std::string request, void (StopLink::*told)(const QByteArray&),
                   void (StopLink::*refused)(const QString&)) {
  std::thread([alive = alive_, request = std::move(request), told, refused] {
    const Result<std::string> answer = client::askStop(request, 10s);
    const std::lock_guard lock(alive->mutex);
    if (alive->link == nullptr) return;
    QMetaObject::invokeMethod(
        alive->link,
        [link = alive->link, answer, told, refused] {
          if (!answer) return (link->*refused)(visibleText(answer.error().message));
          const QByteArray json = QByteArray::fromStdString(*answer);
          const QJsonValue error = QJsonDocument::fromJson(json).object().value("error");
          if (error.isString()) return (link->*refused)(visibleText(error.toString().toStdString()));
          (link->*told)(json);
        },
        Qt::QueuedConnection);
  }).detach();
}

void StopLink::stopAll(const QString& trigger) {
  ask("stop " + trigger.toStdString(), &StopLink::receiptArrived, &StopLink::failed);
}

void StopLink::askStatus() { ask("status", &StopLink::statusArrived, &StopLink::absent); }

}  // namespace ringfence::ui
