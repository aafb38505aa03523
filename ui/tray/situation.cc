#include "ui/tray/situation.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>
#include <utility>

namespace ringfence::ui {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::system_clock;

constexpr std::chrono::seconds kStopAgain{5};

Situation::Situation(Link& link, StopLink& stop, QObject* parent) : QObject(parent), link_(link), stop_(stop) {
  connect(&link_, &Link::questionsChanged, this, &Situation::hearQuestions);
  connect(&link_, &Link::linesArrived, this, &Situation::hearLines);
  connect(&link_, &Link::troubleChanged, this, &Situation::lookAgain);
  connect(&stop_, &StopLink::statusArrived, this, &Situation::hearStop);
  connect(&stop_, &StopLink::receiptArrived, this, &Situation::hearStop);
  connect(&stop_, &StopLink::absent, this, &Situation::hearNoStop);
  stopAgain_.setSingleShot(true);
  stopAgain_.setTimerType(Qt::VeryCoarseTimer);
  connect(&stopAgain_, &QTimer::timeout, &stop_, &StopLink::askStatus);
  link_.watchQuestions(Link::Watch::kYes);
  link_.watchLog(Link::Watch::kYes, duration_cast<microseconds>(system_clock::now().time_since_epoch()));
}

std::vector<client::PendingItem> Situation::questions() const {
  std::vector<client::PendingItem> items;
  items.reserve(questions_.size());
  for (const auto& [id, item] : questions_) items.push_back(item);
  return items;
}

client::StopState Situation::stop() const {
  if (heard_.latched) return stopSaid_;
  return heard_.listing ? heard_.listing->stop : client::StopState{};
}

void Situation::lookAgain() {
  askForRuns();
  stop_.askStatus();
}

// Fresh: the daemon is there, for the first time or again.
void Situation::hearQuestions(const std::vector<client::PendingEvent>& events, bool fresh) {
  if (fresh) {
    questions_.clear();
    lookAgain();
  }
  for (const client::PendingEvent& event : events) {
    if (const auto* gone = std::get_if<client::PendingGone>(&event))
      questions_.erase(gone->id);
    else
      questions_[std::get<client::PendingItem>(event).id] = std::get<client::PendingItem>(event);
  }
  heard_.questions = questions_.size();
  emit changed();
}

void Situation::hearLines(const LogLines& lines) {
  News news = lines.skipped > 0 ? News::kOfStop : News::kNone;
  for (const client::LogLine& line : lines.lines) news = std::max(news, newsIn(line.kind));
  if (news == News::kOfStop)
    lookAgain();
  else if (news == News::kOfRuns)
    askForRuns();
}

void Situation::hearStop(const QByteArray& json) {
  const QJsonObject said = QJsonDocument::fromJson(json).object();
  askStopLater();
  if (!said["latched"].isBool()) return;
  const QJsonValue trigger = said.contains("trigger") ? said["trigger"] : said["by"];
  const client::StopState before = stopSaid_;
  stopSaid_ = {.latched = said["latched"].toBool(),
               .trigger = trigger.toString().toStdString(),
               .at = said["at"].toString().toStdString()};
  const bool isSame = std::exchange(heard_.latched, stopSaid_.latched) == stopSaid_.latched &&
                      before.trigger == stopSaid_.trigger && before.at == stopSaid_.at;
  if (!isSame) emit changed();
}

void Situation::hearNoStop() {
  if (std::exchange(heard_.latched, std::nullopt)) emit changed();
  askStopLater();
}

// After each answer, so that one that takes long is not asked twice.
void Situation::askStopLater() {
  const auto isThere = [](const client::RunDetails& run) { return run.state != "ended"; };
  if (heard_.listing && std::ranges::none_of(heard_.listing->runs, isThere))
    stopAgain_.stop();
  else if (!stopAgain_.isActive())
    stopAgain_.start(kStopAgain);
}

void Situation::askForRuns() {
  if (isAsking_) {
    isOutdated_ = true;
    return;
  }
  isAsking_ = true;
  link_.ask<client::RunListing>(
      this, [](client::Client& daemon) { return daemon.listing(false); },
      [this](const client::Answer<client::RunListing>& answer) {
        isAsking_ = false;
        const auto* listing = std::get_if<client::RunListing>(&answer);
        heard_.listing = listing != nullptr ? std::optional(*listing) : std::nullopt;
        emit changed();
        askStopLater();
        if (std::exchange(isOutdated_, false)) askForRuns();
      },
      Link::Lane::kReports);
}

}  // namespace ringfence::ui
