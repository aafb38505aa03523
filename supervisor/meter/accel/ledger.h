// What each run has used of GPUs and NPUs, from the readings of its clients. A client belongs to the run in which it
// was first seen, wherever it is passed on to, and what it was seen to use stays counted when it ends. Pure.
//
//   ledger.add(sample.clients.clients, runOfPid, now);
//   ledger.use(run).busyUsec(AccelKind::kNpu);
//
// Not counted: what a client used after the last reading before it ended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/run_id.h"
#include "supervisor/meter/accel/growing_counter.h"
#include "supervisor/meter/accel/reading.h"

namespace ringfence::supervisor {

// Clients of a run that are not in the readings any more and could come back; the longest gone is forgotten first.
inline constexpr std::size_t kMaxGoneClients = 1024;

struct EngineUse {
  AccelKind kind = AccelKind::kGpu;
  std::uint64_t busyNs = 0;
  std::uint64_t cycles = 0;
  // Of cycles, those that are not in busyNs: how long one takes is not known yet, or its driver never tells.
  std::uint64_t cyclesWithoutTime = 0;
  bool hasTime = false;  // busyNs is a reading; false: it is not known
  // Of all its engines, between the last two readings; above 1 where clients overlap. Absent: not known yet.
  std::optional<double> utilisation;
  bool operator==(const EngineUse&) const = default;
};

struct AccelUse {
  std::map<DevicePart, EngineUse> engines;
  // At the last reading. What several clients of the run share is counted once, as the largest of its shares: at least
  // so much, and each byte once.
  std::map<DevicePart, std::uint64_t> memoryBytes;
  std::size_t clients = 0;  // at the last reading
  bool operator==(const AccelUse&) const = default;

  // Of all devices of that kind. Absent: no client of one was ever seen, or none with a time.
  std::optional<std::uint64_t> busyUsec(AccelKind kind) const;
  std::optional<std::uint64_t> memoryTotal() const;  // absent: no client tells
};

// What a run used of a device in a window.
struct RunBusy {
  RunId run;
  AccelDeviceId device;
  std::uint64_t busyUsec = 0;
  bool operator==(const RunBusy&) const = default;
};

class AccelLedger {
 public:
  // A client of a process that is in no run, and that no run had before, is left out.
  void add(std::span<const AccelClientReading> clients, const std::map<int, RunId>& runOfPid, Microseconds at);
  // Since the run was first seen. A run that is not known has used nothing that could be told.
  AccelUse use(const RunId& run) const;
  // Of each run that has had a client of the device with a time: since the last call, all engines together. A run that
  // has used nothing is in it with 0.
  std::vector<RunBusy> takeBusy(const AccelDeviceId& device);
  void forget(const RunId& run);
  std::size_t remembered() const { return clients_.size(); }  // clients, also such that are gone

 private:
  struct Engine {
    GrowingCounter busyNs{GrowingCounter::First::kCounts}, cycles{GrowingCounter::First::kCounts};
    GrowingCounter totalCycles{GrowingCounter::First::kIsTheBase};
  };
  struct Client {
    RunId run;
    std::map<std::string, Engine> engines;
    Microseconds seen{};
  };
  struct Run {
    AccelUse use;
    std::map<AccelDeviceId, std::uint64_t> takenNs;
  };
  void count(const AccelClientReading& reading, Client& client, Microseconds at);
  void countEngine(EngineUse& use, const DevicePart& part, Engine& engine, const EngineCounters& counters,
                   Microseconds since, Microseconds at);
  void sumMemory(std::span<const AccelClientReading> clients);
  void forgetLongGone(Microseconds at);

  std::map<AccelClientKey, Client> clients_;
  std::map<RunId, Run> runs_;
  std::map<DevicePart, double> cyclesPerUsec_;  // at the last reading that told
};

}  // namespace ringfence::supervisor
