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

// What has become of the samples of one second, minute or hour. Counters (cpu, io) are as they were at its end.
struct SampleBucket {
  RunId run;
  Microseconds start{};
  std::uint32_t seconds = 1;
  std::optional<std::uint64_t> cpuUsec, ioReadBytes, ioWriteBytes;
  std::optional<std::uint64_t> memoryMin, memoryMean, memoryMax, pidsMax;
  bool operator==(const SampleBucket&) const = default;
};

// How long they are kept by the second, by the minute and by the hour, and the most of all runs together: the oldest
// go first. Looked at once a minute of what samples say, so there may be a minute's more.
struct SampleBounds {
  Microseconds seconds = std::chrono::hours(1);
  Microseconds minutes = std::chrono::hours(24);
  Microseconds hours = std::chrono::hours(24 * 90);
  std::uint64_t total = 500'000;
};

}  // namespace ringfence::supervisor
