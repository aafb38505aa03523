#include "supervisor/run_activity.h"

#include <algorithm>

namespace ringfence::supervisor {
namespace {

// As long as an egress may take to say that a turn is over: its last byte, the silence after it, and a second.
constexpr Microseconds kRemembered{6'000'000};
constexpr Microseconds kBetween{200'000};
// Of one processor, over at least a second: more than an agent takes that draws a waiting sign.
constexpr double kWorks = 0.05;
constexpr Microseconds kLeastSpan{1'000'000};

}  // namespace

void RunActivity::note(const Told& told, std::optional<std::uint64_t> cpuUsec, governor::Hold hold, Microseconds now) {
  if (readings_.empty() || now - readings_.back().at >= kBetween) readings_.push_back({now, cpuUsec});
  // One that is older stays: what a turn that ended before used is known by it.
  while (readings_.size() > 2 && now - readings_[1].at > kRemembered) readings_.pop_front();
  noteTurns(told, now);
  if (hold != governor::Hold::kNone) return;
  switch (told.network) {
    case Network::kStreaming: activity_ = governor::Activity::kStreaming; return;
    case Network::kWaiting: activity_ = governor::Activity::kWaitingForModel; return;
    case Network::kQuiet:
    case Network::kUnknown: break;
  }
  activity_ = usesProcessor() ? governor::Activity::kToolRunning : governor::Activity::kUnknown;
}

bool RunActivity::usesProcessor() const {
  if (readings_.empty() || !readings_.back().cpuUsec) return false;
  const Point& last = readings_.back();
  for (auto before = readings_.rbegin(); before != readings_.rend(); ++before) {
    if (last.at - before->at < kLeastSpan) continue;
    if (!before->cpuUsec || *before->cpuUsec > *last.cpuUsec) return false;
    return static_cast<double>(*last.cpuUsec - *before->cpuUsec) >
           kWorks * static_cast<double>((last.at - before->at).count());
  }
  return false;
}

void RunActivity::noteTurns(const Told& told, Microseconds now) {
  if (told.network == Network::kUnknown) return;
  const bool another = turns_ && told.turns > *turns_;
  const bool anew = turns_ && told.turns < *turns_ && told.turns > 0;
  const bool first = !turns_ && told.turns > 0;
  turns_ = told.turns;
  // A turn that ended and was followed by another question is known by its number alone; its end is taken for now.
  const Microseconds ended = told.network == Network::kQuiet ? std::min(told.quietSince, now) : now;
  if (another || anew || first) safePoint_ = Point{ended, cpuUsecAt(ended)};
}

std::optional<std::uint64_t> RunActivity::cpuUsecAt(Microseconds at) const {
  std::optional<std::uint64_t> found;
  for (const Point& reading : readings_)
    if (reading.at <= at || !found) found = reading.cpuUsec;
  return found;
}

}  // namespace ringfence::supervisor
