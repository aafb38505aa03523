#include "sandbox/egress/hold.h"

namespace ringfence::sandbox {

std::optional<HoldReport> HoldWatch::begin(std::int64_t nowMs) {
  auto last = takeRest();
  heldSince_ = nowMs;
  return last;
}

std::int64_t HoldWatch::end(std::int64_t nowMs, std::uint64_t keptBytes) {
  const std::int64_t held = nowMs - *std::exchange(heldSince_, std::nullopt);
  report_.heldMs = static_cast<std::uint64_t>(held);
  report_.keptBytes = keptBytes;
  if (report_.connections > 0) reportAt_ = nowMs + kWatchedAfterHoldMs;
  return held;
}

std::optional<HoldReport> HoldWatch::take(std::int64_t nowMs) {
  if (!reportAt_ || nowMs < *reportAt_) return std::nullopt;
  return takeRest();
}

std::optional<HoldReport> HoldWatch::takeRest() {
  const bool any = reportAt_.has_value();
  reportAt_.reset();
  const HoldReport report = std::exchange(report_, {});
  return any ? std::optional(report) : std::nullopt;
}

Deferral::Ids Deferral::end() {
  until_.reset();
  Ids all;
  for (const auto& [until, id] : std::exchange(waiting_, {})) all.push_back(id);
  return all;
}

Deferral::Ids Deferral::add(std::uint64_t id, std::int64_t nowMs) {
  waiting_.emplace_back(nowMs + kDeferPatienceMs, id);
  Ids oldest;
  while (waiting_.size() > kMostDeferred) {
    oldest.push_back(waiting_.front().second);
    waiting_.pop_front();
  }
  return oldest;
}

Deferral::Ids Deferral::takeDue(std::int64_t nowMs) {
  Ids due;
  while (!waiting_.empty() && (waiting_.front().first <= nowMs || !isOn(nowMs))) {
    due.push_back(waiting_.front().second);
    waiting_.pop_front();
  }
  return due;
}

std::optional<std::int64_t> Deferral::dueAt() const {
  return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().first);
}

}  // namespace ringfence::sandbox
