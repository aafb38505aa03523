// One reading of a run's use. Not a fact: samples may be lost or dropped and are not in the chain.
#pragma once

#include <cstdint>
#include <optional>

#include "sdk/base/clock.h"
#include "sdk/base/run_id.h"

namespace ringfence::supervisor {

struct Sample {
  RunId run;
  Microseconds wall{};
  std::optional<std::uint64_t> cpuUsec, memoryBytes, pids, ioReadBytes, ioWriteBytes;  // absent: unknown
  bool operator==(const Sample&) const = default;
};

// The most that are kept; the oldest go first.
struct SampleBounds {
  std::uint64_t perRun = 3600;
  std::uint64_t total = 500'000;
};

}  // namespace ringfence::supervisor
