#include "supervisor/governor/foreground_work.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr Microseconds kLeastBetween{200'000};  // readings that are nearer say little
constexpr double kWorks = 0.03;                 // of one processor
constexpr Microseconds kRests{10'000'000};

}  // namespace

void ForegroundWork::tick(Microseconds now, std::optional<std::uint64_t> cpuUsec) {
  if (!cpuUsec) {
    workedAt_ = now;
    usedBefore_.reset();
    state_ = State::kUntold;
    return;
  }
  const bool isFirst = !usedBefore_ || *cpuUsec < *usedBefore_;
  if (!isFirst && now - before_ < kLeastBetween) return;
  if (!isFirst) {
    const double used = static_cast<double>(*cpuUsec - *usedBefore_);
    if (used >= kWorks * static_cast<double>((now - before_).count())) workedAt_ = now;
  }
  usedBefore_ = cpuUsec;
  before_ = now;
  if (isFirst && state_ == State::kNotYetKnown) return;
  if (workedAt_ && now - *workedAt_ < kRests)
    state_ = State::kWorks;
  else
    state_ = workedAt_ ? State::kRests : State::kNone;
}

}  // namespace ringfence::supervisor::governor
