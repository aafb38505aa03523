#include "ui/shared/link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <QTimer>
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "ui/shared/visible_text.h"
#include "ui/top/reading.h"

namespace ringfence::ui {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kReadEvery = 500ms;
constexpr auto kTryAgainAfter = 1s;
constexpr auto kTellEvery = 250ms;
constexpr auto kAtOnce = 1s;  // an order that takes longer than this is shown as waiting
constexpr std::size_t kMostLines = 20'000, kMostQuestionEvents = 10'000;  // that wait to be taken

// How long a request waits for somebody to take it.
steady_clock::duration patienceOf(Link::Lane lane) { return lane == Link::Lane::kOrders ? 3s : 60s; }

client::Failure failureOf(Error error) { return {std::move(error), std::nullopt, {}}; }

// A daemon that went away while nobody asked anything.
bool isClosed(const client::Client& client) {
  pollfd wanted{client.fd(), POLLIN | POLLRDHUP, 0};
  return ::poll(&wanted, 1, 0) > 0;  // Nothing comes unasked: what is readable is the end.
}

// A stream that one thread reads and another one may end.
struct Stream {
  bool wanted = false;
  UniqueFd socket;  // of the connection that is read now, a copy

  void end() const {
    if (socket) (void)::shutdown(socket.get(), SHUT_RDWR);
  }
};

}  // namespace

// Everything under the mutex.
struct Link::Shared {
  struct Waiting {
    Work work;
    std::uint64_t order;
    steady_clock::time_point until;
  };

  std::mutex mutex;
  std::condition_variable changed;
  Link* link = nullptr;  // null: gone, and every thread ends
  std::deque<Waiting> waiting[2];
  bool runsWanted = false;
  Stream questions, log;
  std::chrono::microseconds since{};  // of the log
  std::vector<client::PendingEvent> events;
  bool fresh = false;
  LogLines lines;

  // Called by any thread: runs in that of the link, if it is still there.
  void deliver(std::function<void(Link&)> what) {
    const std::lock_guard lock(mutex);
    deliverLocked(std::move(what));
  }
  void deliverLocked(std::function<void(Link&)> what) {
    if (link == nullptr) return;
    QMetaObject::invokeMethod(
        link, [target = link, what = std::move(what)] { what(*target); }, Qt::QueuedConnection);
  }
  // False: the link is gone.
  template <typename Condition>
  bool waitFor(Condition condition) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return link == nullptr || condition(); });
    return link != nullptr;
  }
  void pause(steady_clock::duration time) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, time, [&] { return link == nullptr; });
  }
  void trouble(Source source, const client::Failure& failure) {
    deliver([source, text = troubleOf(failure)](Link& there) { there.tellTrouble(source, text); });
  }
  void noTrouble(Source source) {
    deliver([source](Link& there) { there.tellTrouble(source, {}); });
  }

  // Reads the stream for as long as it is wanted, over one connection after the other. `begin` and `next` return why it
  // is over; `next` blocks for one more event and keeps it.
  using Step = std::function<std::optional<client::Failure>(client::Client&)>;
  void follow(Source source, Stream& stream, const Step& begin, const Step& next) {
    while (waitFor([&] { return stream.wanted; })) {
      std::optional<client::Failure> over = followOnce(source, stream, begin, next);
      bool isWanted = false;
      {
        const std::lock_guard lock(mutex);
        stream.socket.reset();
        isWanted = stream.wanted;
      }
      if (!isWanted) continue;
      if (over) trouble(source, *over);
      pause(kTryAgainAfter);
    }
  }
  std::optional<client::Failure> followOnce(Source source, Stream& stream, const Step& begin, const Step& next) {
    Result<client::Client> connected = client::Client::connect();
    if (!connected) return failureOf(std::move(connected).error());
    client::Client client = *std::move(connected);
    {
      const std::lock_guard lock(mutex);
      if (!stream.wanted) return std::nullopt;
      stream.socket.reset(::fcntl(client.fd(), F_DUPFD_CLOEXEC, 0));
    }
    if (auto failure = begin(client)) return failure;
    noTrouble(source);
    for (;;) {
      if (auto failure = next(client)) return failure;
      const std::lock_guard lock(mutex);
      if (!stream.wanted) return std::nullopt;
    }
  }
};

Link::Link(QObject* parent)
    : QObject(parent),
      shared_(std::make_shared<Shared>()),
      patience_(new QTimer(this)),
      questionsPause_(new QTimer(this)),
      linesPause_(new QTimer(this)) {
  qRegisterMetaType<Snapshot>();
  shared_->link = this;
  patience_->setInterval(kAtOnce / 4);
  connect(patience_, &QTimer::timeout, this, [this] { answered(0); });
  for (QTimer* pause : {questionsPause_, linesPause_}) {
    pause->setSingleShot(true);
    pause->setInterval(kTellEvery);
  }
  connect(questionsPause_, &QTimer::timeout, this, &Link::takeQuestions);
  connect(linesPause_, &QTimer::timeout, this, &Link::takeLines);
  for (const Lane lane : {Lane::kOrders, Lane::kReports})
    std::thread([shared = shared_, lane] { serveLane(shared, lane); }).detach();
  std::thread([shared = shared_] { readRuns(shared); }).detach();
  std::thread([shared = shared_] { followQuestions(shared); }).detach();
  std::thread([shared = shared_] { followLog(shared); }).detach();
}

Link::~Link() {
  const std::lock_guard lock(shared_->mutex);
  shared_->link = nullptr;
  shared_->questions.end();
  shared_->log.end();
  shared_->changed.notify_all();
}

void Link::watchRuns(Watch watch) {
  const std::lock_guard lock(shared_->mutex);
  shared_->runsWanted = watch == Watch::kYes;
  if (!shared_->runsWanted) shared_->deliverLocked([](Link& link) { link.tellTrouble(kRuns, {}); });
  shared_->changed.notify_all();
}

void Link::watchQuestions(Watch watch) {
  const std::lock_guard lock(shared_->mutex);
  shared_->questions.wanted = watch == Watch::kYes;
  if (watch == Watch::kNo) {
    shared_->questions.end();
    shared_->deliverLocked([](Link& link) { link.tellTrouble(kQuestions, {}); });
  }
  shared_->changed.notify_all();
}

void Link::watchLog(Watch watch, std::chrono::microseconds since) {
  const std::lock_guard lock(shared_->mutex);
  shared_->log.end();  // Read anew from the other moment.
  shared_->log.wanted = watch == Watch::kYes;
  shared_->since = since;
  shared_->lines = {};
  if (watch == Watch::kNo) shared_->deliverLocked([](Link& link) { link.tellTrouble(kLog, {}); });
  shared_->changed.notify_all();
}

QString Link::trouble() const {
  for (const QString& trouble : troubles_) {
    if (!trouble.isEmpty()) return trouble;
  }
  return {};
}

void Link::tellTrouble(Source source, const QString& trouble) {
  const QString before = this->trouble();
  troubles_[source] = trouble;
  if (this->trouble() != before) emit troubleChanged(this->trouble());
}

void Link::give(Lane lane, Work work) {
  const auto now = steady_clock::now();
  std::uint64_t order = 0;
  if (lane == Lane::kOrders) {
    order = ++lastOrder_;
    orders_.emplace_back(order, now);
    if (!patience_->isActive()) patience_->start();
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->waiting[static_cast<int>(lane)].push_back({std::move(work), order, now + patienceOf(lane)});
  shared_->changed.notify_all();
}

// 0: none was, but time went by.
void Link::answered(std::uint64_t order) {
  std::erase_if(orders_, [&](const auto& sent) { return sent.first == order; });
  const auto long_ago = steady_clock::now() - kAtOnce;
  const bool waits = std::ranges::any_of(orders_, [&](const auto& sent) { return sent.second <= long_ago; });
  if (orders_.empty()) patience_->stop();
  if (waits != std::exchange(waits_, waits)) emit waitingChanged(waits);
}

void Link::serveLane(std::shared_ptr<Shared> shared, Lane lane) {
  auto& waiting = shared->waiting[static_cast<int>(lane)];
  std::optional<client::Client> daemon;
  while (shared->waitFor([&] { return !waiting.empty(); })) {
    Shared::Waiting next = [&] {
      const std::lock_guard lock(shared->mutex);
      Shared::Waiting first = std::move(waiting.front());
      waiting.pop_front();
      return first;
    }();
    Told told;
    if (steady_clock::now() > next.until) {
      const client::Failure late = failureOf({ErrorCode::kBusy, "the daemon was busy with earlier requests; not done"});
      told = next.work(nullptr, &late);
    } else {
      std::optional<client::Failure> away;
      if (daemon && isClosed(*daemon)) daemon.reset();
      if (!daemon) {
        auto connected = client::Client::connect();
        if (connected)
          daemon.emplace(*std::move(connected));
        else
          away = failureOf(std::move(connected).error());
      }
      told = next.work(daemon ? &*daemon : nullptr, away ? &*away : nullptr);
      if (told.lost) daemon.reset();
    }
    shared->deliver([answer = std::move(told.answer), order = next.order](Link& link) {
      link.answered(order);
      answer();
    });
  }
}

void Link::readRuns(std::shared_ptr<Shared> shared) {
  std::optional<client::Client> daemon;
  for (;;) {
    if (!shared->waitFor([&] { return shared->runsWanted; })) return;
    std::optional<client::Failure> failed;
    if (daemon && isClosed(*daemon)) daemon.reset();
    if (!daemon) {
      auto connected = client::Client::connect();
      if (connected)
        daemon.emplace(*std::move(connected));
      else
        failed = failureOf(std::move(connected).error());
    }
    if (daemon) {
      auto answer = top::readAll(*daemon);
      if (auto* failure = std::get_if<client::Failure>(&answer)) {
        failed = std::move(*failure);
      } else {
        shared->deliver(
            [snapshot = std::make_shared<const top::Reading>(std::get<top::Reading>(std::move(answer)))](Link& link) {
              link.tellTrouble(kRuns, {});
              emit link.snapshotArrived(snapshot);
            });
      }
    }
    if (failed) {
      daemon.reset();
      shared->trouble(kRuns, *failed);
    }
    const auto next = steady_clock::now() + (failed ? steady_clock::duration(kTryAgainAfter) : kReadEvery);
    std::unique_lock lock(shared->mutex);
    shared->changed.wait_until(lock, next, [&] { return shared->link == nullptr || !shared->runsWanted; });
  }
}

void Link::followQuestions(std::shared_ptr<Shared> shared) {
  const auto keep = [&](std::vector<client::PendingEvent> events, bool fresh) {
    const std::lock_guard lock(shared->mutex);
    if (fresh) {
      shared->events.clear();
      shared->fresh = true;
    }
    const bool wasEmpty = shared->events.empty();
    shared->events.insert(shared->events.end(), events.begin(), events.end());
    if (wasEmpty || fresh)
      shared->deliverLocked([](Link& link) {
        if (!link.questionsPause_->isActive()) link.takeQuestions();
      });
    return shared->events.size();
  };
  shared->follow(
      kQuestions, shared->questions,
      [&](client::Client& daemon) -> std::optional<client::Failure> {
        const auto begun = daemon.beginPending("", client::Client::Watch::kYes);
        if (const auto* failure = std::get_if<client::Failure>(&begun)) return *failure;
        keep({}, true);
        return std::nullopt;
      },
      [&](client::Client& daemon) -> std::optional<client::Failure> {
        auto next = daemon.nextPending();
        if (auto* failure = std::get_if<client::Failure>(&next)) return std::move(*failure);
        auto& event = std::get<0>(next);
        if (!event) return failureOf({ErrorCode::kUnavailable, "the daemon ended the stream of questions"});
        if (keep({std::move(*event)}, false) > kMostQuestionEvents)
          return failureOf({ErrorCode::kBusy, "questions change faster than they can be shown; reading them anew"});
        return std::nullopt;
      });
}

void Link::followLog(std::shared_ptr<Shared> shared) {
  shared->follow(
      kLog, shared->log,
      [&](client::Client& daemon) -> std::optional<client::Failure> {
        std::chrono::microseconds since{};
        {
          const std::lock_guard lock(shared->mutex);
          since = shared->since;
        }
        const auto begun = daemon.beginLog("", 0, true, since);
        if (const auto* failure = std::get_if<client::Failure>(&begun)) return *failure;
        return std::nullopt;
      },
      [&](client::Client& daemon) -> std::optional<client::Failure> {
        auto next = daemon.nextLogLine();
        if (auto* failure = std::get_if<client::Failure>(&next)) return std::move(*failure);
        auto& line = std::get<0>(next);
        if (!line) return failureOf({ErrorCode::kUnavailable, "the daemon ended the stream of the log"});
        const std::lock_guard lock(shared->mutex);
        auto& lines = shared->lines;
        if (lines.lines.size() >= kMostLines) {  // Half at once, so that this is not done for every line.
          lines.lines.erase(lines.lines.begin(), lines.lines.begin() + kMostLines / 2);
          lines.skipped += kMostLines / 2;
        }
        const bool wasEmpty = lines.lines.empty();
        lines.lines.push_back(std::move(*line));
        if (wasEmpty)
          shared->deliverLocked([](Link& link) {
            if (!link.linesPause_->isActive()) link.takeLines();
          });
        return std::nullopt;
      });
}

void Link::takeQuestions() {
  std::vector<client::PendingEvent> events;
  bool fresh = false;
  {
    const std::lock_guard lock(shared_->mutex);
    events.swap(shared_->events);
    fresh = std::exchange(shared_->fresh, false);
  }
  if (events.empty() && !fresh) return;
  questionsPause_->start();
  emit questionsChanged(events, fresh);
}

void Link::takeLines() {
  LogLines lines;
  {
    const std::lock_guard lock(shared_->mutex);
    lines = std::exchange(shared_->lines, {});
  }
  if (lines.lines.empty()) return;
  linesPause_->start();
  emit linesArrived(lines);
}

}  // namespace ringfence::ui
