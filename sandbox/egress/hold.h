// What is remembered while a run is held, and while its calls are deferred. Pure; times in milliseconds of a clock that
// only goes on.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "sandbox/wire/guard.h"

namespace ringfence::sandbox {

// After a hold its connections are watched for so long: what breaks later is not ascribed to it.
inline constexpr std::int64_t kWatchedAfterHoldMs = 60'000;
// A connect waits no longer. Common clients give up a connection that is not there after five seconds, and a call that
// fails costs the agent more than being held would.
inline constexpr std::int64_t kDeferPatienceMs = 4'000;
// Of a run at once; when there is another, the one that has waited longest goes on.
inline constexpr std::size_t kMostDeferred = 128;
// A daemon that is gone lifts nothing.
inline constexpr std::int64_t kLongestDeferralMs = 600'000;

class HoldWatch {
 public:
  bool isHeld() const { return heldSince_.has_value(); }
  // Not while one is under way. What the last one came to, if that was not told yet.
  std::optional<HoldReport> begin(std::int64_t nowMs);
  void opened() { ++report_.connections; }
  void closed() { ++report_.closed; }
  void broke() { ++report_.reset; }
  void full() { ++report_.full; }
  // How long it was.
  std::int64_t end(std::int64_t nowMs, std::uint64_t keptBytes);
  // Connections that were there when it began are still watched.
  bool isWatching() const { return isHeld() || reportAt_.has_value(); }
  // When there is something to tell.
  std::optional<std::int64_t> reportAt() const { return reportAt_; }
  // Once it is time, or at once when nothing follows. Of a hold that met no connection nothing is told.
  std::optional<HoldReport> take(std::int64_t nowMs);
  std::optional<HoldReport> takeRest();

 private:
  std::optional<std::int64_t> heldSince_, reportAt_;
  HoldReport report_;
};

class Deferral {
 public:
  using Ids = std::vector<std::uint64_t>;

  void begin(std::int64_t nowMs) { until_ = nowMs + kLongestDeferralMs; }
  // Those that may go on.
  Ids end();
  bool isOn(std::int64_t nowMs) const { return until_ && nowMs < *until_; }
  // It waits from now on; those that may go on instead.
  Ids add(std::uint64_t id, std::int64_t nowMs);
  Ids takeDue(std::int64_t nowMs);
  std::optional<std::int64_t> dueAt() const;

 private:
  std::optional<std::int64_t> until_;
  std::deque<std::pair<std::int64_t, std::uint64_t>> waiting_;  // until when, who
};

}  // namespace ringfence::sandbox
