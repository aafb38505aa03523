#include "supervisor/governor/reschedule_rule.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace ringfence::supervisor::governor {
namespace {

constexpr double kBusy = 0.5;  // of all processors
constexpr Microseconds kStaysFor{2'000'000};
constexpr Microseconds kUnseenFor{600'000};  // until it was read twice
constexpr std::chrono::milliseconds kLongest{4}, kShortEnough{1};
constexpr int kMostParts = 8;
constexpr std::pair<int, int> kFirstWithEevdf{6, 6};

// Nothing: not a kernel's version.
std::optional<std::pair<int, int>> versionOf(std::string_view release) {
  std::pair<int, int> version;
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  if (std::from_chars(major.ptr + 1, end, version.second).ec != std::errc()) return std::nullopt;
  return version;
}

}  // namespace

bool RescheduleRule::tick(Microseconds now, const ForegroundWork& work, const Agents& agents,
                          std::uint32_t processors) {
  if (agents.count > count_) until_ = std::max(until_, now + kUnseenFor);
  if (agents.count == 0) until_ = Microseconds{0};
  // What another agent has used before is no use of this time.
  if (agents.count != count_) share_.begin();
  count_ = agents.count;
  const auto share = share_.tick(now, agents.cpuUsec);
  if (share && *share >= kBusy * processors) until_ = now + kStaysFor;
  return work.isAssumed() && now < until_;
}

bool RescheduleRule::wentOn(Microseconds now, const ForegroundWork& work) {
  until_ = std::max(until_, now + kUnseenFor);
  return work.isAssumed();
}

std::optional<std::chrono::nanoseconds> rescheduleEvery(std::string_view release, std::chrono::nanoseconds tick) {
  const auto version = versionOf(release);
  if (!version || *version < kFirstWithEevdf || tick <= kShortEnough) return std::nullopt;
  for (int parts = 1; parts <= kMostParts; ++parts) {
    if (tick <= parts * kLongest && tick.count() % parts == 0) return tick / parts;
  }
  return tick;
}

}  // namespace ringfence::supervisor::governor
