// Keeps the processors from falling asleep while somebody waits for a launch. A launch goes through a dozen processes,
// each of which wakes the next; a processor that sleeps in between takes 50 µs a time to come back, in a virtual
// machine more. The kernel's own way to ask for that is the PM QoS device /dev/cpu_dma_latency: zero is "do not sleep",
// and it forgets what was asked for when the descriptor is closed.
#pragma once

#include <optional>

#include "sdk/base/clock.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {

class Awake {
 public:
  // Without a descriptor (a container, a kernel without it) nothing can be asked for, and nothing is.
  explicit Awake(UniqueFd device) : device_(std::move(device)) {}

  // For as long as a launch usually takes, from now on.
  void keep(Microseconds now);
  // Lets them sleep again when it is time.
  void wake(Microseconds now);
  std::optional<Microseconds> nextWake() const { return until_; }  // boottime

 private:
  UniqueFd device_;
  std::optional<Microseconds> until_;
};

}  // namespace ringfence::supervisor
