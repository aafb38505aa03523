// What an agent does at the moment, from what its egress says of its connections and from the processor time that it
// uses; and when its last turn ended. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "supervisor/governor/signals.h"

namespace ringfence::supervisor {

class RunActivity {
 public:
  enum class Network { kUnknown, kQuiet, kWaiting, kStreaming };
  struct Told {
    Network network = Network::kUnknown;
    std::uint64_t turns = 0;    // ended, as the egress counts them; it may begin anew
    Microseconds quietSince{};  // boottime
  };
  struct Point {
    Microseconds at{};  // boottime
    std::optional<std::uint64_t> cpuUsec;
  };

  // A reading. While it is held it does what it did.
  void note(const Told& told, std::optional<std::uint64_t> cpuUsec, governor::Hold hold, Microseconds now);
  governor::Activity activity() const { return activity_; }
  // The end of its last turn: an answer was over, and nothing else was asked. Absent: none was seen.
  const std::optional<Point>& safePoint() const { return safePoint_; }
  // Of its processor time at that instant what the readings of the last seconds tell.
  std::optional<std::uint64_t> cpuUsecAt(Microseconds at) const;

 private:
  bool usesProcessor() const;
  void noteTurns(const Told& told, Microseconds now);

  governor::Activity activity_ = governor::Activity::kUnknown;
  std::optional<Point> safePoint_;
  std::optional<std::uint64_t> turns_;
  std::deque<Point> readings_;  // of the last seconds, oldest first
};

}  // namespace ringfence::supervisor
