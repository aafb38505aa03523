// A counter of the kernel as one that only grows. Pure.
#pragma once

#include <cstdint>
#include <optional>

namespace ringfence::supervisor {

// The sum of what a counter came forward, whatever it does: it never goes backwards and saturates. A counter that falls
// is one that wrapped (when it is known where, and it came less than half the way round), one that began anew (when it
// shows at most half of what it had; what came between is lost), or one that the kernel read a little too low (then
// nothing is added until it is above what it was). Several wraps between two readings cannot be seen.
class RunningTotal {
 public:
  // Zero at the first reading.
  std::uint64_t take(std::uint64_t counter, std::optional<std::uint64_t> wrapsAt = std::nullopt);
  // Of a counter whose beginning is known to have been at zero just now: all that it shows counts.
  std::uint64_t begin(std::uint64_t counter);
  std::uint64_t total() const { return total_; }

 private:
  void add(std::uint64_t more);
  std::optional<std::uint64_t> last_;
  std::uint64_t total_ = 0;
};

}  // namespace ringfence::supervisor
