// What each run, and nobody, used of GPUs and NPUs since this daemon began: the readings of clients and of devices put
// together. For a device that counts itself, what runs got and what nobody got is together what the device counted from
// its second reading on. Pure.
//
//   accounts.add(pass, leasesIn, isLive);
//   accounts.of(run);        // a line a device
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/accel_watch.h"
#include "supervisor/meter/accel/attribution.h"
#include "supervisor/meter/accel/ledger.h"

namespace ringfence::supervisor {

// What one run used of one device.
struct AccelShare {
  AccelDeviceId device;
  AccelKind kind = AccelKind::kGpu;
  std::optional<std::uint64_t> busyUsec;
  AccelScope scope = AccelScope::kClient;
  Confidence confidence = Confidence::kMeasured;
  std::optional<std::uint64_t> memoryBytes;
  bool operator==(const AccelShare&) const = default;
};

// A device that counts itself. busyUsec = runsUsec + unattributedUsec.
struct AccelDeviceUse {
  AccelDeviceId device;
  AccelKind kind = AccelKind::kNpu;
  std::uint64_t busyUsec = 0;
  std::uint64_t runsUsec = 0;  // also of runs that ended
  std::uint64_t unattributedUsec = 0;
  Confidence confidence = Confidence::kMeasured;
  bool operator==(const AccelDeviceUse&) const = default;
};

// "gpu", "client", "measured": as people and programs are told.
const char* accelKindName(AccelKind kind);
const char* accelScopeName(AccelScope scope);
const char* confidenceName(Confidence confidence);

class AccelAccounts {
 public:
  // Who could submit to the window's device in it, and for how long. Nobody: what the device alone tells is nobody's.
  using LeasesIn = std::function<std::vector<LeaseSpan>(const DeviceWindow&)>;
  // Runs that are not live any more get what this reading says of them and are forgotten.
  void add(const AccelPass& pass, const LeasesIn& leases, const std::function<bool(const RunId&)>& isLive);

  std::vector<AccelShare> of(const RunId& run) const;
  std::vector<AccelDeviceUse> devices() const;
  // Of all devices of that kind. Absent: nothing is known.
  std::optional<std::uint64_t> busyUsec(const RunId& run, AccelKind kind) const;
  std::optional<std::uint64_t> memoryBytes(const RunId& run) const;
  // What programs of the person used of that kind, as far as it is told: by what devices counted and no run did, and by
  // their clients where a device does not count itself. Absent: nothing is known.
  std::optional<std::uint64_t> othersUsec(AccelKind kind) const;
  // When what is told was read, on the monotonic clock. Absent: never.
  std::optional<Microseconds> readAt() const { return readAt_; }

  // Of the last reading: with any of these, what runs use may be more than what is told.
  struct Blind {
    std::uint32_t refusedProcesses = 0;  // the kernel does not show us their descriptors
    std::uint32_t refusedSources = 0;
    std::uint32_t unlistedRuns = 0;
    std::uint32_t silentDescriptors = 0;  // their driver tells nothing of who uses it
    bool operator==(const Blind&) const = default;
  };
  const Blind& blind() const { return blind_; }

 private:
  struct Part {
    std::uint64_t busyUsec = 0;
    AccelScope scope = AccelScope::kClient;
    Confidence confidence = Confidence::kMeasured;
  };
  void share(const DeviceWindow& window, const LeasesIn& leases);
  void noteOthers(const AccelPass& pass);
  void forgetEnded(const std::function<bool(const RunId&)>& isLive);
  std::map<DevicePart, std::uint64_t> memoryOf(const RunId& run) const;

  AccelLedger ledger_;
  DeviceWatch watch_;
  std::map<AccelDeviceId, AccelDeviceUse> devices_;
  std::map<RunId, std::map<AccelDeviceId, Part>> parts_;  // of devices that count themselves
  std::map<RunId, DmemBytes> groups_;                     // at the last reading
  std::set<RunId> known_;                                 // to the ledger, perhaps
  Blind blind_;
  std::optional<Microseconds> readAt_;
  std::map<std::pair<AccelClientKey, std::string>, GrowingCounter> others_;  // engines of whoever is in no run
  std::map<std::pair<AccelKind, AccelDeviceId>, std::uint64_t> othersNs_;
  std::set<AccelDeviceId> openByOthers_;  // at the last reading, or the one before
  std::set<AccelDeviceId> openedLast_;
};

}  // namespace ringfence::supervisor
