#include "supervisor/governor/foreground_work.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr double kWorks = 0.03;  // of one processor
constexpr Microseconds kRests{10'000'000};

}  // namespace

void ForegroundWork::tick(Microseconds now, std::optional<std::uint64_t> cpuUsec) {
  if (!cpuUsec) {
    workedAt_ = now;
    share_.begin();
    state_ = State::kUntold;
    return;
  }
  const auto share = share_.tick(now, *cpuUsec);
  if (!share) return;
  if (*share >= kWorks) workedAt_ = now;
  if (workedAt_ && now - *workedAt_ < kRests)
    state_ = State::kWorks;
  else
    state_ = workedAt_ ? State::kRests : State::kNone;
}

}  // namespace ringfence::supervisor::governor
