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
void StopLink::ask(std::string request, Kind kind) {
  std::thread([alive = alive_, request = std::move(request), kind] {
    const Result<std::string> answer = client::askStop(request, 10s);
    const std::lock_guard lock(alive->mutex);
    if (alive->link == nullptr) return;
    QMetaObject::invokeMethod(
        alive->link, [link = alive->link, kind, answer] { link->hear(kind, answer); }, Qt::QueuedConnection);
  }).detach();
}

void StopLink::hear(Kind kind, const Result<std::string>& answer) {
  const auto fail = [&](void (StopLink::*ofStop)(const QString&), const QString& why) {
    emit(this->*(kind == Kind::kStop ? ofStop : &StopLink::absent))(why);
  };
  if (!answer) {
    const bool wasSent = answer.error().code == ErrorCode::kUncertain;
    return fail(wasSent ? &StopLink::uncertain : &StopLink::failed, visibleText(answer.error().message));
  }
  const QByteArray json = QByteArray::fromStdString(*answer);
  const QJsonObject said = QJsonDocument::fromJson(json).object();
  if (const QJsonValue error = said.value("error"); error.isString())
    return fail(&StopLink::failed, visibleText(error.toString().toStdString()));
  if (!said.value("latched").isBool()) return fail(&StopLink::uncertain, tr("what it answered cannot be read"));
  emit(this->*(kind == Kind::kStop ? &StopLink::receiptArrived : &StopLink::statusArrived))(json);
}

void StopLink::stopAll(const QString& trigger) { ask("stop " + trigger.toStdString(), Kind::kStop); }

void StopLink::askStatus() { ask("status", Kind::kStatus); }

}  // namespace ringfence::ui
