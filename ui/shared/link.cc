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
constexpr std::chrono::milliseconds kAtOnce = 1s;  // an order that takes longer than this is shown as waiting
constexpr auto kSilent = 2s;                       // a reading that takes longer than this is trouble
constexpr auto kTakenWithin = 2s;                  // The daemon ends a stream that nobody reads for five.
constexpr std::size_t kMostLines = 20'000, kMostQuestionEvents = 10'000;  // that wait to be taken

// How long a request waits for somebody to take it.
steady_clock::duration patienceOf(Link::Lane lane) { return lane == Link::Lane::kOrders ? 3s : 60s; }

client::Failure failureOf(Error error) { return {std::move(error), std::nullopt, {}}; }

// A daemon that went away while nobody asked anything.
bool isClosed(const client::Client& client) {
  pollfd wanted{client.fd(), POLLIN | POLLRDHUP, 0};
  return ::poll(&wanted, 1, 0) > 0;  // Nothing comes unasked: what is readable is the end.
}

// With a connection afterwards, or with why there is none.
std::optional<client::Failure> reach(std::optional<client::Client>& daemon) {
  if (daemon && isClosed(*daemon)) daemon.reset();
  if (daemon) return std::nullopt;
  auto connected = client::Client::connect();
  if (!connected) return failureOf(std::move(connected).error());
  daemon.emplace(*std::move(connected));
  return std::nullopt;
}

// What one thread reads and another one wants, or ends.
struct Stream {
  bool wanted = false;
  std::uint64_t wish = 0;  // Each that was uttered has a number: what was read for an earlier one is void.
  UniqueFd socket;         // of the connection that is read now, a copy

  void want(Link::Watch watch) {
    wanted = watch == Link::Watch::kYes;
    ++wish;
    if (socket) (void)::shutdown(socket.get(), SHUT_RDWR);
  }
  bool isFor(std::uint64_t earlier) const { return wanted && wish == earlier; }
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
  std::optional<steady_clock::time_point> readingSince;  // present: the runs are being asked for
  Stream questions, log;
  std::chrono::microseconds since{};  // of the log
  std::uint64_t lastSeq = 0;          // of the log, that was read already
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
  // Put into words where they are shown: the language may change.
  void troubleLocked(Source source, client::Failure failure) {
    deliverLocked(
        [source, failure = std::move(failure)](Link& there) { there.tellTrouble(source, troubleOf(failure)); });
  }

  // Reads the stream for as long as it is wanted, over one connection after the other. `begin` and `next` return why it
  // is over; `next` blocks for one more event and keeps it. Both get the number of the wish that they serve.
  using Step = std::function<std::optional<client::Failure>(client::Client&, std::uint64_t)>;
  void follow(Source source, Stream& stream, const Step& begin, const Step& next) {
    while (waitFor([&] { return stream.wanted; })) {
      std::uint64_t wish = 0;
      {
        const std::lock_guard lock(mutex);
        wish = stream.wish;
      }
      std::optional<client::Failure> over = followOnce(source, stream, wish, begin, next);
      std::unique_lock lock(mutex);
      stream.socket.reset();
      if (!stream.isFor(wish)) continue;
      if (over) troubleLocked(source, *std::move(over));
      changed.wait_for(lock, kTryAgainAfter, [&] { return link == nullptr || !stream.isFor(wish); });
    }
  }
  std::optional<client::Failure> followOnce(Source source, Stream& stream, std::uint64_t wish, const Step& begin,
                                            const Step& next) {
    Result<client::Client> connected = client::Client::connect();
    if (!connected) return failureOf(std::move(connected).error());
    client::Client client = *std::move(connected);
    {
      const std::lock_guard lock(mutex);
      if (link == nullptr || !stream.isFor(wish)) return std::nullopt;
      stream.socket.reset(::fcntl(client.fd(), F_DUPFD_CLOEXEC, 0));
    }
    if (auto failure = begin(client, wish)) return failure;
    {
      const std::lock_guard lock(mutex);
      if (!stream.isFor(wish)) return std::nullopt;
      deliverLocked([source](Link& there) { there.tellTrouble(source, {}); });
    }
    for (;;) {
      if (auto failure = next(client, wish)) return failure;
      const std::lock_guard lock(mutex);
      if (link == nullptr || !stream.isFor(wish)) return std::nullopt;
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
  connect(patience_, &QTimer::timeout, this, &Link::lookAtTheTime);
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
  shared_->questions.want(Watch::kNo);
  shared_->log.want(Watch::kNo);
  shared_->changed.notify_all();
}

void Link::watchRuns(Watch watch) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->runsWanted = watch == Watch::kYes;
    shared_->changed.notify_all();
  }
  if (watch == Watch::kYes && !patience_->isActive()) patience_->start();
  if (watch == Watch::kNo) tellTrouble(kRuns, {});
}

void Link::watchQuestions(Watch watch) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->questions.want(watch);
    shared_->events.clear();
    shared_->fresh = false;
    shared_->changed.notify_all();
  }
  if (watch == Watch::kNo) tellTrouble(kQuestions, {});
}

void Link::watchLog(Watch watch, std::chrono::microseconds since) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->log.want(watch);
    shared_->since = since;
    shared_->lastSeq = 0;
    shared_->lines = {};
    shared_->changed.notify_all();
  }
  if (watch == Watch::kNo) tellTrouble(kLog, {});
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
  }
  if (!patience_->isActive()) patience_->start();
  const std::lock_guard lock(shared_->mutex);
  shared_->waiting[static_cast<int>(lane)].push_back({std::move(work), order, now + patienceOf(lane)});
  shared_->changed.notify_all();
}

void Link::answered(std::uint64_t order) {
  std::erase_if(orders_, [&](const auto& sent) { return sent.first == order; });
  tellWaiting();
}

void Link::tellWaiting() {
  const auto longAgo = steady_clock::now() - kAtOnce;
  const bool waits = std::ranges::any_of(orders_, [&](const auto& sent) { return sent.second <= longAgo; });
  if (waits != std::exchange(waits_, waits)) emit waitingChanged(waits);
}

// Four times a second, for as long as something is on its way or watched: what the threads, which wait for the daemon,
// cannot tell.
void Link::lookAtTheTime() {
  const auto now = steady_clock::now();
  std::vector<Shared::Waiting> late;
  bool isSilent = false, isIdle = false;
  {
    const std::lock_guard lock(shared_->mutex);
    for (auto& waiting : shared_->waiting) {
      while (!waiting.empty() && waiting.front().until < now) {
        late.push_back(std::move(waiting.front()));
        waiting.pop_front();
      }
    }
    isSilent = shared_->runsWanted && shared_->readingSince && *shared_->readingSince + kSilent < now;
    isIdle = !shared_->runsWanted && shared_->waiting[0].empty() && shared_->waiting[1].empty();
  }
  if (isSilent) tellTrouble(kRuns, silenceText());
  for (const Shared::Waiting& request : late) {
    const client::Failure why = failureOf({ErrorCode::kBusy, "the daemon is busy with earlier requests; not done"});
    const Told told = request.work(nullptr, &why);
    answered(request.order);
    told.answer();
  }
  tellWaiting();
  if (isIdle && orders_.empty()) patience_->stop();
}

void Link::serveLane(std::shared_ptr<Shared> shared, Lane lane) {
  auto& waiting = shared->waiting[static_cast<int>(lane)];
  std::optional<client::Client> daemon;
  for (;;) {
    Shared::Waiting next;
    {
      std::unique_lock lock(shared->mutex);
      shared->changed.wait(lock, [&] { return shared->link == nullptr || !waiting.empty(); });
      if (shared->link == nullptr) return;
      next = std::move(waiting.front());
      waiting.pop_front();
    }
    const auto away = reach(daemon);
    Told told = next.work(away ? nullptr : &*daemon, away ? &*away : nullptr);
    if (told.lost) daemon.reset();
    shared->deliver([answer = std::move(told.answer), order = next.order](Link& link) {
      link.answered(order);
      answer();
    });
  }
}

void Link::readRuns(std::shared_ptr<Shared> shared) {
  std::optional<client::Client> daemon;
  for (;;) {
    {
      std::unique_lock lock(shared->mutex);
      shared->changed.wait(lock, [&] { return shared->link == nullptr || shared->runsWanted; });
      if (shared->link == nullptr) return;
      shared->readingSince = steady_clock::now();
    }
    std::optional<client::Failure> failed = reach(daemon);
    Snapshot snapshot;
    if (!failed) {
      auto answer = top::readAll(*daemon);
      if (auto* failure = std::get_if<client::Failure>(&answer))
        failed = std::move(*failure);
      else
        snapshot = std::make_shared<const top::Reading>(std::get<top::Reading>(std::move(answer)));
    }
    const auto next = steady_clock::now() + (failed ? steady_clock::duration(kTryAgainAfter) : kReadEvery);
    if (failed) daemon.reset();
    std::unique_lock lock(shared->mutex);
    shared->readingSince.reset();
    if (!shared->runsWanted) continue;
    if (failed)
      shared->troubleLocked(kRuns, *std::move(failed));
    else
      shared->deliverLocked([snapshot](Link& link) {
        link.tellTrouble(kRuns, {});
        emit link.snapshotArrived(snapshot);
      });
    shared->changed.wait_until(lock, next, [&] { return shared->link == nullptr || !shared->runsWanted; });
  }
}

void Link::followQuestions(std::shared_ptr<Shared> shared) {
  shared->follow(
      kQuestions, shared->questions,
      [&](client::Client& daemon, std::uint64_t wish) -> std::optional<client::Failure> {
        const auto begun = daemon.beginPending("", client::Client::Watch::kYes);
        if (const auto* failure = std::get_if<client::Failure>(&begun)) return *failure;
        const std::lock_guard lock(shared->mutex);
        if (!shared->questions.isFor(wish)) return std::nullopt;
        shared->events.clear();
        shared->fresh = true;
        // Not at once: what waits already follows directly, and nobody has to see an empty list in between.
        shared->deliverLocked([](Link& link) {
          if (!link.questionsPause_->isActive()) link.questionsPause_->start();
        });
        return std::nullopt;
      },
      [&](client::Client& daemon, std::uint64_t wish) -> std::optional<client::Failure> {
        auto next = daemon.nextPending();
        if (auto* failure = std::get_if<client::Failure>(&next)) return std::move(*failure);
        auto& event = std::get<0>(next);
        if (!event) return failureOf({ErrorCode::kUnavailable, "the daemon ended the stream of questions"});
        const std::lock_guard lock(shared->mutex);
        if (!shared->questions.isFor(wish)) return std::nullopt;
        if (shared->events.empty())
          shared->deliverLocked([](Link& link) {
            if (!link.questionsPause_->isActive()) link.takeQuestions();
          });
        shared->events.push_back(*std::move(event));
        if (shared->events.size() > kMostQuestionEvents)
          return failureOf({ErrorCode::kBusy, "questions change faster than they can be shown; reading them anew"});
        return std::nullopt;
      });
}

void Link::followLog(std::shared_ptr<Shared> shared) {
  shared->follow(
      kLog, shared->log,
      [&](client::Client& daemon, std::uint64_t) -> std::optional<client::Failure> {
        std::chrono::microseconds since{};
        std::uint64_t lastSeq = 0;
        {
          const std::lock_guard lock(shared->mutex);
          since = shared->since;
          lastSeq = shared->lastSeq;
        }
        const auto begun = daemon.beginLog("", lastSeq, true, since);
        if (const auto* failure = std::get_if<client::Failure>(&begun)) return *failure;
        return std::nullopt;
      },
      [&](client::Client& daemon, std::uint64_t wish) -> std::optional<client::Failure> {
        auto next = daemon.nextLogLine();
        if (auto* failure = std::get_if<client::Failure>(&next)) return std::move(*failure);
        auto& line = std::get<0>(next);
        if (!line) return failureOf({ErrorCode::kUnavailable, "the daemon ended the stream of the log"});
        std::unique_lock lock(shared->mutex);
        auto& lines = shared->lines;
        // What is past comes as fast as it is taken; what happens meanwhile waits in the daemon, but not for long.
        shared->changed.wait_for(lock, kTakenWithin, [&] {
          return shared->link == nullptr || !shared->log.isFor(wish) || lines.lines.size() < kMostLines;
        });
        if (!shared->log.isFor(wish)) return std::nullopt;
        if (lines.lines.size() >= kMostLines) {  // Half at once, so that this is not done for every line.
          lines.lines.erase(lines.lines.begin(), lines.lines.begin() + kMostLines / 2);
          lines.skipped += kMostLines / 2;
        }
        if (lines.lines.empty())
          shared->deliverLocked([](Link& link) {
            if (!link.linesPause_->isActive()) link.takeLines();
          });
        shared->lastSeq = line->seq;
        lines.lines.push_back(std::move(*line));
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
    shared_->changed.notify_all();
  }
  if (lines.lines.empty()) return;
  linesPause_->start();
  emit linesArrived(lines);
}

}  // namespace ringfence::ui
