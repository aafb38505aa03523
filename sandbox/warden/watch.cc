// What the main thread does: orders, calls that wait, threads that are stuck, the end. Nothing that may block.
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/warden/warden_parts.h"

namespace ringfence::sandbox {

Result<void> Warden::openWatch() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  watchTimer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  handles_.reset(::openat(parts_.proc, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!epoll_ || !watchTimer_ || !handles_) return posixError(errno, "preparing the warden's loop");
  struct Watched {
    int fd;
    std::uint32_t events;
  };
  for (const Watched& each : {Watched{parts_.pair.get(), EPOLLIN}, Watched{parts_.end.get(), EPOLLIN | EPOLLONESHOT},
                              Watched{watchTimer_.get(), EPOLLIN}, Watched{parts_.listener, EPOLLONESHOT}}) {
    epoll_event event{.events = each.events, .data = {.fd = each.fd}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, each.fd, &event) != 0) {
      return posixError(errno, "watching what a warden hears of");
    }
  }
  return {};
}

void Warden::keepWatch() {
  Microseconds lastTick{};
  for (;;) {
    int wait = 0;
    {
      const Lock lock(mutex_);
      if (stopping_ || isOver()) return;
      wait = timeout();
    }
    std::array<epoll_event, 4> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == watchTimer_.get()) {
        findStuck();
      } else if (event.data.fd == parts_.listener) {
        relieveTracer();
      } else if (event.data.fd == parts_.end.get()) {
        const Lock lock(mutex_);
        ending_ = true;
      } else {
        if ((event.events & EPOLLOUT) != 0) {
          const Lock lock(mutex_);
          flush();
        }
        if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) receiveOrders();
      }
    }
    const Microseconds now = monotonic();
    if (now - lastTick < kWaitingPoll) continue;
    lastTick = now;
    tick();
  }
}

// Locked. It was asked to end, nobody is in the middle of a call (but who is stuck in one), and all that it knows is
// told.
bool Warden::isOver() {
  if (!ending_ || owed_ != 0 || !errands_.empty()) return false;
  const Microseconds now = monotonic();
  const bool busy = std::ranges::any_of(
      crew_, [&](const auto& each) { return each->since != Microseconds{} && now - each->since < kStuckTime; });
  if (busy) return false;
  for (Record& record : denials_.due(monotonic() + kDenialPeriod)) send(record);
  if (!outbox_.empty()) return false;
  stopping_ = true;
  idle_.notify_all();
  return true;
}

// Locked. In milliseconds; -1: for ever. What others begin to wait for is seen when the timer goes off, which they arm.
int Warden::timeout() const {
  if (ending_) return static_cast<int>(kEndingPoll.count());
  const bool polls = !held_.empty() || !interrupted_.empty() || !errands_.empty() ||
                     std::ranges::any_of(crew_, [](const auto& each) { return each->waitsFor.has_value(); });
  if (polls) return static_cast<int>(kWaitingPoll.count());
  const Microseconds due = denials_.nextDue();
  if (due == Microseconds::max()) return -1;
  const auto left = std::chrono::duration_cast<Milliseconds>(due - monotonic()) + Milliseconds(1);
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 1, kDenialPeriod.count()));
}

// The main thread looks in a while; cheap when it is to look anyway.
void Warden::armWatch() {
  if (watchArmed_.exchange(true)) return;
  itimerspec soon{};
  soon.it_value.tv_nsec = std::chrono::nanoseconds(kStuckTime).count();
  (void)::timerfd_settime(watchTimer_.get(), 0, &soon, nullptr);
}

// The main thread looks now.
void Warden::wakeWatch() {
  itimerspec now{};
  now.it_value.tv_nsec = 1;
  (void)::timerfd_settime(watchTimer_.get(), 0, &now, nullptr);
}

// Who is stuck in the memory or file system of one caller.
void Warden::findStuck() {
  std::uint64_t expirations = 0;
  (void)!::read(watchTimer_.get(), &expirations, sizeof expirations);
  const Lock lock(mutex_);
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

// Locked. Who leads is about to wait for a thread that it traces: other calls are heard of here meanwhile.
void Warden::watchCalls(Member& me, Calls calls) {
  me.traces = calls == Calls::kHeardHere;
  epoll_event event{.events = EPOLLONESHOT | (me.traces ? EPOLLIN : 0U), .data = {.fd = parts_.listener}};
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, parts_.listener, &event);
}

void Warden::relieveTracer() {
  const Lock lock(mutex_);
  // Where nobody else can lead they wait until it is done.
  if (leader_ != nullptr && leader_->traces) (void)handOver(*leader_);
}

// Locked. Those who perform what waits for another process, for callers that wait no longer.
void Warden::interruptBlocked() {
  for (const auto& each : crew_) {
    if (each->waitsFor && lookAt(*each->waitsFor) != Look::kWaits) (void)::pthread_kill(each->thread, kWakeSignal);
  }
}

}  // namespace ringfence::sandbox
