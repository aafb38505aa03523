// The one way of panel and tray to the daemon. Threads of the link wait for it, so that a daemon that hangs never holds
// up a window; what they hear arrives as a signal or an answer in the thread that made the link.
//
//   Link link;
//   connect(&link, &Link::snapshotArrived, &runs, &RunsModel::show);
//   link.watchRuns(Link::Watch::kYes);
//   link.ask<client::Client::Acted>(
//       this, [run](client::Client& daemon) { return daemon.act(client::Client::Verb::kFreeze, run); },
//       [this](const auto& answer) { … });
#pragma once

#include <QObject>
#include <QPointer>
#include <QString>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "sdk/client/client.h"
#include "ui/shared/snapshot.h"

class QTimer;

namespace ringfence::ui {

class Link final : public QObject {
  Q_OBJECT

 public:
  // Where a request waits for its turn. What may take seconds (verify, doctor) must not be in front of an order.
  enum class Lane { kOrders, kReports };
  enum class Watch { kNo, kYes };

  explicit Link(QObject* parent = nullptr);
  // Does not wait: a thread that waits for the daemon is left behind, and what it hears is dropped.
  ~Link() override;

  // snapshotArrived, twice a second. A window that nobody sees watches nothing: then the daemon reads nothing for it.
  void watchRuns(Watch watch);
  // questionsChanged, from now on: first what waits already.
  void watchQuestions(Watch watch);
  // linesArrived: the facts since `since` (wall clock), and from then on as they happen.
  void watchLog(Watch watch, std::chrono::microseconds since = {});

  // Made in a thread of the link, over a connection that it keeps. `answered` is called in the link's thread; not at
  // all when the receiver or the link is gone by then. A request that nobody could take for three seconds (a minute in
  // kReports) is not made any more, for a click of then may not be what is wanted now: its answer is a failure.
  template <typename T>
  void ask(QObject* receiver, std::function<client::Answer<T>(client::Client&)> request,
           std::function<void(const client::Answer<T>&)> answered, Lane lane = Lane::kOrders);

  // Why nothing is known now, for people; empty: all is well, or nothing is watched.
  QString trouble() const;

 signals:
  void snapshotArrived(const ringfence::ui::Snapshot& snapshot);
  // In their order, at once and then four times a second at most. `fresh`: what was known before is void.
  void questionsChanged(const std::vector<ringfence::client::PendingEvent>& events, bool fresh);
  // Likewise. What came faster than anybody could read is left out, and counted.
  void linesArrived(const ringfence::ui::LogLines& lines);
  void troubleChanged(const QString& trouble);
  // An order has been on its way for a second, or none is any more.
  void waitingChanged(bool waits);

 private:
  struct Shared;
  struct Told {
    std::function<void()> answer;  // for the link's thread
    bool lost = false;             // the connection is of no use any more
  };
  // With a connection, or with why there is none.
  using Work = std::function<Told(client::Client*, const client::Failure*)>;
  enum Source { kRuns, kQuestions, kLog, kSources };

  static void serveLane(std::shared_ptr<Shared> shared, Lane lane);
  static void readRuns(std::shared_ptr<Shared> shared);
  static void followQuestions(std::shared_ptr<Shared> shared);
  static void followLog(std::shared_ptr<Shared> shared);

  void give(Lane lane, Work work);
  void answered(std::uint64_t order);
  void tellWaiting();
  void lookAtTheTime();
  void tellTrouble(Source source, const QString& trouble);
  void takeQuestions();
  void takeLines();

  std::shared_ptr<Shared> shared_;
  QString troubles_[kSources];
  std::vector<std::pair<std::uint64_t, std::chrono::steady_clock::time_point>> orders_;  // on their way
  std::uint64_t lastOrder_ = 0;
  bool waits_ = false;
  QTimer* patience_;        // looks how long what was asked has been on its way
  QTimer* questionsPause_;  // active: some were told just now
  QTimer* linesPause_;
};

template <typename T>
void Link::ask(QObject* receiver, std::function<client::Answer<T>(client::Client&)> request,
               std::function<void(const client::Answer<T>&)> answered, Lane lane) {
  give(lane, [request = std::move(request), answered = std::move(answered), alive = QPointer<QObject>(receiver)](
                 client::Client* daemon, const client::Failure* why) {
    const auto answer =
        std::make_shared<client::Answer<T>>(daemon != nullptr ? request(*daemon) : client::Answer<T>(*why));
    const auto* failure = std::get_if<client::Failure>(answer.get());
    return Told{[answer, answered, alive] {
                  if (alive) answered(*answer);
                },
                failure != nullptr && !failure->refusal};
  });
}

}  // namespace ringfence::ui
