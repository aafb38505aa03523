#include "supervisor/reschedule_ticker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include "supervisor/governor/reschedule_rule.h"

namespace ringfence::supervisor {
namespace {

using namespace std::chrono_literals;
using Nanoseconds = std::chrono::nanoseconds;

// What a tick wakes has had its turn by then.
constexpr Nanoseconds kAfterTick = 100us;
// Who comes later than that had to wait for a program that is no agent of the background, which sleeps now or was
// interrupted: an agent may have come in its place. Once more, and not again: a processor that slept is as late.
constexpr Nanoseconds kLate = 80us;
constexpr Nanoseconds kOnceMore = 200us;

// The kernel's ticks are whole multiples of their length on it, since Linux 6.5.
Nanoseconds monotonic() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

void sleepUntil(Nanoseconds when) {
  const timespec time{when / 1s, (when % 1s).count()};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {}
}

// Best effort: elsewhere or in another class it is of no use, and of no harm.
void settleOn(int processor) {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(processor, &here);
  (void)::sched_setaffinity(0, sizeof here, &here);
  const sched_param usual{};
  (void)::sched_setscheduler(0, SCHED_BATCH, &usual);
  (void)::prctl(PR_SET_TIMERSLACK, 1UL);
  (void)::pthread_setname_np(::pthread_self(), "reschedule");
}

}  // namespace

std::unique_ptr<RescheduleTicker> RescheduleTicker::create(const std::string& release,
                                                           sandbox::CgroupTree::Placement placement) {
  using Placement = sandbox::CgroupTree::Placement;
  if (placement != Placement::kIdle && placement != Placement::kIdleThreads) return nullptr;
  timespec tick{};
  if (::clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0) return nullptr;
  const auto length = std::chrono::seconds(tick.tv_sec) + Nanoseconds(tick.tv_nsec);
  const auto every = governor::rescheduleEvery(release, length);
  return every ? std::make_unique<RescheduleTicker>(*every) : nullptr;
}

RescheduleTicker::~RescheduleTicker() { end(); }

void RescheduleTicker::end() {
  order(Order::kEnd);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  order(Order::kOff);
}

Result<void> RescheduleTicker::set(bool on) {
  if (on && threads_.empty()) RF_TRY(begin());
  if (!threads_.empty()) order(on ? Order::kOn : Order::kOff);
  return {};
}

void RescheduleTicker::order(Order order) {
  if (order_.exchange(order) != order) order_.notify_all();
}

Result<void> RescheduleTicker::begin() {
  cpu_set_t ours;
  CPU_ZERO(&ours);
  if (::sched_getaffinity(0, sizeof ours, &ours) != 0) return posixError(errno, "asking for the processors");
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  Result<void> begun;
  try {
    for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
      if (CPU_ISSET(processor, &ours)) threads_.emplace_back([this, processor] { work(processor); });
    }
  } catch (const std::system_error& error) {
    begun = posixError(error.code().value(), "making a thread for each processor");
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!begun) end();
  return begun;
}

void RescheduleTicker::work(int processor) const {
  settleOn(processor);
  for (;;) {
    order_.wait(Order::kOff);
    if (order_ == Order::kEnd) return;
    Nanoseconds wanted = monotonic();
    bool isOnceMore = false;
    while (order_ == Order::kOn) {
      const Nanoseconds now = monotonic();
      isOnceMore = !isOnceMore && now - wanted > kLate;
      wanted = isOnceMore ? now + kOnceMore : ((now - kAfterTick) / every_ + 1) * every_ + kAfterTick;
      sleepUntil(wanted);
    }
  }
}

}  // namespace ringfence::supervisor
