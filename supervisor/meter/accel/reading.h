// What accelerators (GPU, NPU) tell of their use. Every number says of whom it speaks and how sure it is.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/run_id.h"

namespace ringfence::supervisor {

enum class AccelScope { kClient, kProcess, kDevice };  // of whom a source can tell
enum class Confidence { kMeasured, kEstimated };       // kEstimated: split by leases
enum class AccelKind { kGpu, kNpu };

// A device by what it stays for its lifetime: PCI address, else the name of its platform device ("fb000000.gpu"), else
// of its node ("accel0", "card0").
using AccelDeviceId = std::string;
using DevicePart = std::pair<AccelDeviceId, std::string>;  // an engine or a region of memory

// Counters since the client began; those that its driver does not give are absent. Busy time is wall time with at
// least one job pending, so that clients of one engine can add up to more than it has.
struct EngineCounters {
  std::optional<std::uint64_t> busyNs;
  std::optional<std::uint64_t> cycles, totalCycles;
  std::uint32_t capacity = 1;  // engines of this class
  bool operator==(const EngineCounters&) const = default;
};

struct AccelClientKey {
  AccelDeviceId device;
  std::uint64_t client = 0;
  auto operator<=>(const AccelClientKey&) const = default;
};

struct AccelClientReading {
  AccelClientKey key;
  AccelKind kind = AccelKind::kGpu;
  std::string driver;
  int pid = 0;
  std::uint64_t pidStart = 0;                     // field 22 of its stat: the same process or another with that number
  std::map<std::string, EngineCounters> engines;  // by the driver's name of the engine
  // By region: what is resident, else what is requested; never both. What is shared is in it too.
  std::map<std::string, std::uint64_t> memoryBytes;
  std::map<std::string, std::uint64_t> sharedBytes;  // of memoryBytes, in buffers that another client has too
  std::map<std::string, std::string> unknown;        // keys that no rule knows, as they are: not escaped
  bool operator==(const AccelClientReading&) const = default;
};

struct AccelDeviceReading {
  AccelDeviceId device;
  AccelKind kind = AccelKind::kNpu;
  std::string driver;
  std::optional<std::uint64_t> busyUsec;     // a counter
  std::optional<std::uint32_t> busyPercent;  // of sources that give no counter: at that moment, of all its cores
  std::optional<std::uint64_t> memoryBytes, memoryTotalBytes;
  std::optional<std::uint32_t> frequencyMhz;  // 0: it sleeps
  Microseconds at{};                          // monotonic: when it was read, which may be long before it is asked for
  bool operator==(const AccelDeviceReading&) const = default;
};

// A span in which a run held the lease of a device, inside the window that is attributed.
struct LeaseSpan {
  RunId run;
  AccelDeviceId device;
  std::uint64_t heldUsec = 0;
};

struct Attributed {
  AccelDeviceId device;
  std::optional<RunId> run;  // absent: unattributed
  std::uint64_t busyUsec = 0;
  AccelScope scope = AccelScope::kDevice;
  Confidence confidence = Confidence::kMeasured;
  bool operator==(const Attributed&) const = default;
};

}  // namespace ringfence::supervisor
