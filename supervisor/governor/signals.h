// What the governor is told each tick: numbers alone, read by supervisor/meter, taken apart from every file and clock.
// Absent is unknown, and what is unknown decides nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/run_id.h"
#include "sdk/base/units.h"

namespace ringfence::supervisor::governor {

enum class RunClass { kInteractive, kBackground, kIdle };
enum class Hold { kNone, kByGovernor, kByOther };  // whether it is frozen, and by whom
enum class AtLimit { kPause, kDeny, kKill };

// Where an agent stands between two safe points; what an interruption breaks depends on it.
enum class Activity { kUnknown, kWaitingForPerson, kWaitingForModel, kStreaming, kToolRunning };

struct RunLimits {
  std::optional<Bytes> memory;
  std::optional<Microseconds> wallTime;  // from its start, sleep of the machine included
  std::optional<Microseconds> wallTimeWarnAt;
  std::optional<Microseconds> wallTimePerDay, wallTimePerDayWarnAt;  // of all runs that share that budget, added up
  // Budgets, where they end now: a person may have moved that. Money in millionths of a dollar.
  std::optional<std::uint64_t> tokens, tokensPerDay, costMicroUsd, costPerDayMicroUsd;
  std::optional<std::uint32_t> npuPercent, gpuPercent;  // of one
  std::uint32_t npuDevices = 1, gpuDevices = 1;         // that it may use with that
  std::optional<Bytes> fileWritesPerSec;                // to files, by all of its processes
  // Held by the kernel; what the governor knows of them is words.
  std::optional<Bytes> memoryHard;
  std::optional<std::uint32_t> pids, cpuPercent;
  AtLimit atLimit = AtLimit::kPause;
};

struct RunSignals {
  RunId run;
  std::string name;
  RunClass priority = RunClass::kBackground;
  Hold hold = Hold::kNone;
  Microseconds heldSince{};  // boottime; only when held
  Microseconds started{};    // boottime
  RunLimits limits;
  std::optional<std::uint64_t> cpuUsec, memoryBytes, memoryPeakBytes, swapBytes, pids;
  std::optional<std::uint64_t> anonymousBytes;  // in memory now, and only swap can take it back
  bool anonymousRepeated = false;               // it is that of an earlier reading, and says nothing of the time since
  std::optional<std::uint64_t> ioReadBytes, ioWriteBytes, networkBytes, tokens, refaults;
  // Of models. Today: of all runs that one user has under its policy.
  std::optional<std::uint64_t> costMicroUsd, tokensToday, costTodayMicroUsd;
  std::optional<Microseconds> wallTimeToday;
  std::optional<std::uint64_t> npuBusyUsec, gpuBusyUsec, acceleratorBytes;
  std::optional<std::uint64_t> readByCalls, writtenByCalls;  // bytes, whatever they read and write
  std::optional<std::uint64_t> fileBytesWritten;             // whenever the kernel brings them to the disk
  std::optional<std::uint64_t> writeLimit;                   // that a governor has set, bytes a second
  // What the kernel counts when it holds a run at a limit: processes that it did not make, periods of processor time
  // and those of them in which the run had to wait for the next, processes that it ended for memory.
  std::optional<std::uint64_t> pidsRefused, cpuPeriods, cpuPeriodsHeld, outOfMemoryKills;
  Activity activity = Activity::kUnknown;
  std::optional<Microseconds> safePoint;  // boottime of its last one (a turn's end, a commit); absent: none known
  std::optional<std::uint64_t> cpuUsecAtSafePoint, tokensAtSafePoint;
  Microseconds redoAtSafePoint{};  // of its work, that is lost all the same, as it says
  bool connectionsKept = true;     // all of them go through our egress, which holds them while the run is frozen
  bool callsCanWait = false;       // an egress is there that defers them
  bool holdsForeignLock = false;   // whoever is no agent waits for a file lock of it: it must not be held
  bool watched = false;            // a person looks at its terminal
  std::optional<Microseconds> criticalUntil;  // boottime: until then a hold would break what it does, as it says
  // Of its work, that a hold before then would have it do again, as it says; absent: it does not say.
  std::optional<Microseconds> criticalRedo;
  // It is told of a hold so long before; absent: nobody of it listens, or its policy gives it no such time.
  std::optional<Microseconds> pauseNotice;
  std::optional<Microseconds> readyAt;  // boottime: when it last said that a hold may come at once
};

struct DeviceSignals {
  Now at;
  std::uint32_t cpus = 1;
  std::optional<std::uint32_t> minuteOfDay;  // on the machine's own calendar; absent: nobody asked
  std::optional<Bytes> memoryTotal, memoryAvailable, swapFree;
  // Totals of what everybody but the agents waited.
  std::optional<std::uint64_t> foregroundMemoryStallUsec, foregroundIoStallUsec;
  std::optional<std::uint64_t> foregroundNpuBusyUsec, foregroundGpuBusyUsec;
  std::optional<std::uint32_t> batteryPercent;
  bool onBattery = false;
  bool tooHot = false;
  bool canReclaim = false;  // memory.reclaim works here
};

struct Signals {
  DeviceSignals device;
  std::vector<RunSignals> runs;
};

}  // namespace ringfence::supervisor::governor
