#include "supervisor/accel_accounts.h"

#include <algorithm>
#include <utility>

namespace ringfence::supervisor {
namespace {

// A load is a guess for the time since the last look. While nothing runs nobody looks, and a guess for so long is none.
constexpr Microseconds kLongestGuess{10'000'000};

Confidence lesser(Confidence a, Confidence b) { return std::max(a, b); }
AccelScope coarser(AccelScope a, AccelScope b) { return std::max(a, b); }

}  // namespace

const char* accelKindName(AccelKind kind) { return kind == AccelKind::kGpu ? "gpu" : "npu"; }

const char* accelScopeName(AccelScope scope) {
  switch (scope) {
    case AccelScope::kClient: return "client";
    case AccelScope::kProcess: return "process";
    case AccelScope::kDevice: break;
  }
  return "device";
}

const char* confidenceName(Confidence confidence) {
  return confidence == Confidence::kMeasured ? "measured" : "estimated";
}

void AccelAccounts::add(const AccelPass& pass, const LeasesIn& leases,
                        const std::function<bool(const RunId&)>& isLive) {
  const ClientReadings& clients = pass.sample.clients;
  blind_ = {clients.refusedProcesses, pass.sample.refusedSources, pass.unlistedRuns, clients.unreadDescriptors};
  for (const auto& [pid, run] : pass.runOfPid) known_.insert(run);
  ledger_.add(clients.clients, pass.runOfPid, pass.at);
  groups_ = pass.memoryOfRun;
  noteOthers(pass);
  for (const AccelDeviceReading& reading : pass.sample.devices) {
    if (!reading.busyUsec && !reading.busyPercent) continue;
    AccelDeviceUse& use = devices_[reading.device];
    use.device = reading.device;
    use.kind = reading.kind;
  }
  for (const DeviceWindow& window : watch_.add(pass.sample.devices)) share(window, leases);
  forgetEnded(isLive);
  readAt_ = pass.at;
}

void AccelAccounts::noteOthers(const AccelPass& pass) {
  openByOthers_ = std::exchange(openedLast_, {});
  if (!pass.others) return;
  openedLast_ = pass.others->open;
  openByOthers_.insert(openedLast_.begin(), openedLast_.end());
  std::set<AccelClientKey> ofRuns;  // what one has just passed on to a process that it began
  for (const AccelClientReading& client : pass.sample.clients.clients) ofRuns.insert(client.key);
  if (others_.size() > kMaxGoneClients) others_.clear();  // they begin anew
  for (const AccelClientReading& client : pass.others->clients) {
    if (ofRuns.contains(client.key)) continue;
    for (const auto& [name, engine] : client.engines) {
      if (!engine.busyNs) continue;
      // What it did before it was first seen was at no time that is known.
      const auto counter = others_.try_emplace({client.key, name}, GrowingCounter::First::kIsTheBase).first;
      othersNs_[{client.kind, client.key.device}] += counter->second.advance(*engine.busyNs, pass.at);
    }
  }
}

void AccelAccounts::share(const DeviceWindow& window, const LeasesIn& leases) {
  const std::vector<RunBusy> clients = ledger_.takeBusy(window.device);
  if (window.confidence == Confidence::kEstimated && window.to - window.from > kLongestGuess) return;
  AccelDeviceUse& use = devices_.at(window.device);
  use.busyUsec += window.busyUsec;
  use.confidence = lesser(use.confidence, window.confidence);
  for (const Attributed& one : attribute(window, clients, leases(window))) {
    if (!one.run) {
      use.unattributedUsec += one.busyUsec;
      continue;
    }
    use.runsUsec += one.busyUsec;
    known_.insert(*one.run);
    Part& part = parts_[*one.run][window.device];
    part.busyUsec += one.busyUsec;
    part.scope = coarser(part.scope, one.scope);
    // The device does not tell whose work it was, and a lease binds runs alone.
    const bool isShared = one.scope == AccelScope::kDevice && openByOthers_.contains(window.device);
    part.confidence = lesser(part.confidence, isShared ? Confidence::kEstimated : one.confidence);
  }
}

void AccelAccounts::forgetEnded(const std::function<bool(const RunId&)>& isLive) {
  std::erase_if(known_, [&](const RunId& run) {
    if (isLive(run)) return false;
    ledger_.forget(run);
    parts_.erase(run);
    return true;
  });
}

std::vector<AccelShare> AccelAccounts::of(const RunId& run) const {
  std::map<AccelDeviceId, AccelShare> shares;
  const auto shareOf = [&](const AccelDeviceId& device) -> AccelShare& {
    AccelShare& share = shares[device];
    share.device = device;
    return share;
  };
  const AccelUse use = ledger_.use(run);
  std::map<AccelDeviceId, std::uint64_t> clientNs;
  for (const auto& [part, engine] : use.engines) {
    AccelShare& share = shareOf(part.first);
    share.kind = engine.kind;
    if (engine.hasTime) clientNs[part.first] += engine.busyNs;
  }
  for (const auto& [device, ns] : clientNs) shares[device].busyUsec = ns / 1000;
  for (const auto& [part, bytes] : memoryOf(run)) {
    AccelShare& share = shareOf(part.first);
    share.memoryBytes = share.memoryBytes.value_or(0) + bytes;
  }
  const auto parts = parts_.find(run);
  for (const auto& [device, counted] : devices_) {
    if (const auto known = shares.find(device); known != shares.end()) {
      known->second.kind = counted.kind;
      // What its clients tell and is not shared out yet would make the sum of all more than the device.
      if (known->second.busyUsec) known->second.busyUsec = 0;
    }
    if (parts == parts_.end() || !parts->second.contains(device)) continue;
    const Part& part = parts->second.at(device);
    AccelShare& share = shareOf(device);
    share.kind = counted.kind;
    share.busyUsec = part.busyUsec;
    share.scope = part.scope;
    share.confidence = part.confidence;
  }
  std::vector<AccelShare> all;
  for (auto& [device, share] : shares) all.push_back(std::move(share));
  return all;
}

std::vector<AccelDeviceUse> AccelAccounts::devices() const {
  std::vector<AccelDeviceUse> all;
  for (const auto& [device, use] : devices_) all.push_back(use);
  return all;
}

std::optional<std::uint64_t> AccelAccounts::busyUsec(const RunId& run, AccelKind kind) const {
  std::optional<std::uint64_t> sum;
  for (const AccelShare& share : of(run)) {
    if (share.kind == kind && share.busyUsec) sum = sum.value_or(0) + *share.busyUsec;
  }
  return sum;
}

// What the kernel counts for the group is exact; what clients tell may leave out what they share. The kernel counts
// memory of the device alone, so that for other regions the clients' word stays.
std::map<DevicePart, std::uint64_t> AccelAccounts::memoryOf(const RunId& run) const {
  std::map<DevicePart, std::uint64_t> all = ledger_.use(run).memoryBytes;
  const auto counted = groups_.find(run);
  if (counted == groups_.end()) return all;
  for (const auto& [part, bytes] : counted->second) {
    if (bytes > 0 || all.contains(part)) all[part] = bytes;
  }
  return all;
}

std::optional<std::uint64_t> AccelAccounts::memoryBytes(const RunId& run) const {
  AccelUse use;
  use.memoryBytes = memoryOf(run);
  return use.memoryTotal();
}

std::optional<std::uint64_t> AccelAccounts::othersUsec(AccelKind kind) const {
  std::optional<std::uint64_t> sum;
  for (const auto& [device, use] : devices_) {
    if (use.kind == kind) sum = sum.value_or(0) + use.unattributedUsec;
  }
  for (const auto& [device, ns] : othersNs_) {
    if (device.first == kind && !devices_.contains(device.second)) sum = sum.value_or(0) + ns / 1000;
  }
  return sum;
}

}  // namespace ringfence::supervisor
