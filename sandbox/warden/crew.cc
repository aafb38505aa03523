// Who leads, who performs what may block, and who looks after them.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/warden/warden_parts.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kStack = 256 * 1024;
constexpr unsigned kAloneLook = 8;  // a power of two

bool spawn(pthread_t& thread, void* (*start)(void*), void* argument) {
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  (void)::pthread_attr_setstacksize(&attributes, kStack);
  (void)::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const bool started = ::pthread_create(&thread, &attributes, start, argument) == 0;
  (void)::pthread_attr_destroy(&attributes);
  return started;
}

}  // namespace

Result<void> Warden::run() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  watchTimer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  handles_.reset(::openat(parts_.proc, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !watchTimer_ || !handles_ || !wake_) return posixError(errno, "preparing the warden's loop");
  const auto watches = [&](int fd, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  if (!watches(parts_.pair.get(), EPOLLIN)) return posixError(errno, "watching the daemon's socket");
  if (!watches(parts_.end.get(), EPOLLIN | EPOLLONESHOT)) return posixError(errno, "watching for the end");
  if (!watches(wake_.get(), EPOLLIN)) return posixError(errno, "watching for the crew");
  struct sigaction wake {};
  wake.sa_handler = [](int) {};
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, kWakeSignal);
  if (::sigaction(kWakeSignal, &wake, nullptr) != 0 || ::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) {
    return posixError(errno, "preparing signals");
  }
  struct WatchStart {
    static void* go(void* self) {
      static_cast<Warden*>(self)->watch();
      return nullptr;
    }
  };
  pthread_t watcher{};
  if (!spawn(watcher, &WatchStart::go, this)) return Error{ErrorCode::kUnavailable, "no thread can be started"};
  {
    const Lock lock(mutex_);
    greet(parts_.restarted);
  }
  recover();
  Member* self = nullptr;
  {
    const Lock lock(mutex_);
    self = crew_.emplace_back(std::make_unique<Member>()).get();
    self->thread = ::pthread_self();
  }
  member(*self);
  const Lock lock(mutex_);
  if (failure_) return *failure_;
  return {};
}

void Warden::member(Member& me) {
  // A umask and a working directory of its own.
  if (::unshare(CLONE_FS) != 0 || ::fchdir(handles_.get()) != 0) {
    const Lock lock(mutex_);
    fail(posixError(errno, "preparing a thread of the warden"));
  }
  Lock lock(mutex_);
  while (!stopping_) {
    if (leader_ == nullptr) {
      leader_ = &me;
      lock.unlock();
      lead(me);
      lock.lock();
      continue;
    }
    if (!waitingForCrew_.empty()) {
      OwnedCall call = std::move(waitingForCrew_.front());
      waitingForCrew_.pop_front();
      lock.unlock();
      perform(me, std::move(call));
      lock.lock();
      continue;
    }
    // The first member is the process's main thread, which must stay.
    if (idleMembers_ >= 1 && crew_.front().get() != &me) break;
    ++idleMembers_;
    idle_.wait(lock);
    --idleMembers_;
  }
  if (stopping_) {
    idle_.notify_all();
    return;
  }
  std::erase_if(crew_, [&](const std::unique_ptr<Member>& each) { return each.get() == &me; });
}

bool Warden::startMember() {
  if (crew_.size() >= kMaxCrew) return false;
  struct Start {
    Warden* warden;
    Member* member;
    static void* go(void* self) {
      const std::unique_ptr<Start> start(static_cast<Start*>(self));
      start->warden->member(*start->member);
      return nullptr;
    }
  };
  auto member = std::make_unique<Member>();
  auto start = std::make_unique<Start>(Start{this, member.get()});
  crew_.push_back(std::move(member));
  if (!spawn(crew_.back()->thread, &Start::go, start.get())) {
    crew_.pop_back();
    return false;
  }
  (void)start.release();
  return true;
}

// Locked. False: nobody else can lead, so `me` must not block.
bool Warden::handOver(Member& me) {
  if (leader_ != &me) return true;
  if (idleMembers_ == 0 && !startMember()) return false;
  leader_ = nullptr;
  idle_.notify_all();
  return true;
}

// Locked. For who adds to what the leader looks after: it may have gone to sleep before, when there was less.
void Warden::wakeLeader() {
  if (leaderSleeps_.exchange(false, std::memory_order_relaxed)) (void)::eventfd_write(wake_.get(), 1);
}

void Warden::lead(Member& me) {
  Microseconds lastTick{};
  unsigned alone = 0;  // calls that came one at a time
  for (;;) {
    int wait = 0;
    {
      const Lock lock(mutex_);
      me.since = {};
      if (leader_ != &me || stopping_ || isOver()) return;
      wait = received_.empty() || !rules_ ? timeout() : 0;
      leaderSleeps_.store(wait < 0 || wait > kWaitingPoll.count(), std::memory_order_relaxed);
    }
    std::array<epoll_event, 4> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    leaderSleeps_.store(false, std::memory_order_relaxed);
    bool received = false;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == parts_.listener) {
        if ((event.events & EPOLLIN) == 0) {
          nobodyCalls();
          continue;
        }
        received = true;
        alone = wait == 0 ? 0 : alone + 1;
        receiveCall();
      } else if (event.data.fd == wake_.get()) {
        eventfd_t times = 0;
        (void)::eventfd_read(wake_.get(), &times);
      } else if (event.data.fd == parts_.end.get()) {
        const Lock lock(mutex_);
        ending_ = true;
      } else {
        if ((event.events & EPOLLOUT) != 0) {
          const Lock lock(mutex_);
          flush();
        }
        if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) receiveOrders(me);
      }
    }
    if (wait > 0) {
      const Microseconds now = monotonic();
      if (now - lastTick >= kWaitingPoll) {
        lastTick = now;
        tick(me);
      }
    }
    // All that came is received before the first is handled: what was received no signal can take back. Where calls
    // come one at a time, whether there are more is asked now and then.
    if (!received || alone % kAloneLook != 0) handleNext(me);
  }
}

// The last process of the run is gone. That stays so and would be told again and again; and to receive what nobody
// sends would block, before Linux 6.11 for ever.
void Warden::nobodyCalls() {
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, parts_.listener, nullptr) == 0) return;
  const Lock lock(mutex_);
  fail(posixError(errno, "leaving the calls of a run that is over"));
}

// Locked. It was asked to end, and has told all that it knows.
bool Warden::isOver() {
  if (!ending_ || owed_ != 0) return false;
  for (Record& record : denials_.due(monotonic() + kDenialPeriod)) send(record);
  if (!outbox_.empty()) return false;
  stopping_ = true;
  idle_.notify_all();
  return true;
}

// Locked. In milliseconds; -1: for ever.
int Warden::timeout() const {
  if (ending_) return static_cast<int>(kEndingPoll.count());
  const bool polls = !held_.empty() || !interrupted_.empty() || !waitingForCrew_.empty() ||
                     !parts_.journal->hasRoom() ||
                     std::ranges::any_of(crew_, [](const auto& each) { return each->waitsFor.has_value(); });
  if (polls) return static_cast<int>(kWaitingPoll.count());
  const Microseconds due = denials_.nextDue();
  if (due == Microseconds::max()) return -1;
  const auto left = std::chrono::duration_cast<Milliseconds>(due - monotonic()) + Milliseconds(1);
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 1, kDenialPeriod.count()));
}

// Locked. So that watch() wakes up; cheap when it is to wake up anyway.
void Warden::armWatch() {
  if (watchArmed_.exchange(true)) return;
  itimerspec soon{};
  soon.it_value.tv_nsec = std::chrono::nanoseconds(kStuckTime).count();
  (void)::timerfd_settime(watchTimer_.get(), 0, &soon, nullptr);
}

// Sleeps while nothing happens. Finds who is stuck in the memory or file system of one caller.
void Warden::watch() {
  for (;;) {
    std::uint64_t expirations = 0;
    if (::read(watchTimer_.get(), &expirations, sizeof expirations) < 0 && errno != EINTR) return;
    const Lock lock(mutex_);
    if (stopping_) return;
    watchArmed_ = false;
    const Microseconds now = monotonic();
    bool busy = false;
    for (const auto& each : crew_) {
      if (each->since == Microseconds{}) continue;
      busy = true;
      if (leader_ == each.get() && now - each->since >= kStuckTime) (void)handOver(*each);
      if (each->reading != 0 && now - each->since >= kCopyDeadline) {
        // Nothing was done for it, and nothing will be: it finds its call taken away.
        (void)parts_.notifier->answer(each->reading, CallAnswer::failed(EACCES));
        each->reading = 0;
      }
    }
    if (busy) armWatch();
  }
}

// Locked. Those who perform what waits for another process, for callers that wait no longer.
void Warden::interruptBlocked() {
  for (const auto& each : crew_) {
    if (each->waitsFor && lookAt(*each->waitsFor) != Look::kWaits) (void)::pthread_kill(each->thread, kWakeSignal);
  }
}

}  // namespace ringfence::sandbox
