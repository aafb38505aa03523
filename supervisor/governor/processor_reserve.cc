#include "supervisor/governor/processor_reserve.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr Microseconds kLeastBetween{200'000};  // readings that are nearer say little
constexpr double kWorks = 0.03;                 // of one processor
constexpr Microseconds kRests{10'000'000};

}  // namespace

std::optional<ProcessorReserve::Change> ProcessorReserve::tick(Microseconds now,
                                                               std::optional<std::uint64_t> foregroundCpuUsec) {
  if (wanted_ == 0) return std::nullopt;
  if (!foregroundCpuUsec) {
    workedAt_ = now;
    usedBefore_.reset();
    isKnown_ = true;
  } else if (!usedBefore_ || *foregroundCpuUsec < *usedBefore_) {
    usedBefore_ = foregroundCpuUsec;
    before_ = now;
  } else if (now - before_ >= kLeastBetween) {
    const double used = static_cast<double>(*foregroundCpuUsec - *usedBefore_);
    if (used >= kWorks * static_cast<double>((now - before_).count())) workedAt_ = now;
    usedBefore_ = foregroundCpuUsec;
    before_ = now;
    isKnown_ = true;
  }
  if (!isKnown_) return std::nullopt;
  const bool works = workedAt_ && now - *workedAt_ < kRests;
  const std::uint32_t wanted = works ? wanted_ : 0;
  if (kept_ == wanted) return std::nullopt;
  kept_ = wanted;
  if (!foregroundCpuUsec) return Change{wanted, "nobody can tell when the person's programs work"};
  if (works) return Change{wanted, "the person's programs work"};
  return Change{
      wanted, workedAt_ ? "none of the person's programs has worked for 10 s" : "none of the person's programs works"};
}

}  // namespace ringfence::supervisor::governor
