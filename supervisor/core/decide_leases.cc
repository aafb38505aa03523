// Who holds NPUs. A lease is taken with the admission of a run and ends with the run: a node that was opened once can
// be used until its descriptors are closed, and nobody can close those of an agent. An emergency stop takes it from a
// run that is held whole, and the run takes it again before it goes on. Several runs hold a device when their shares of
// it are together no more than all of it.
#include <algorithm>
#include <cerrno>

#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

constexpr std::uint32_t kWholeDevice = 100;

bool holds(const Run& run, const std::string& device) {
  const auto& npu = termsOf(run).npu;
  return isLive(run) && !run.leasesDropped.value_or(false) && npu &&
         std::ranges::find(npu->devices, device) != npu->devices.end();
}

struct Wanting {
  std::uint32_t percent = 0;
  std::uint32_t ownerUid = 0;
  Peer peer;
};

Result<void> checkDevice(const State& state, const Wanting& by, const std::string& device) {
  const std::uint32_t wanted = by.percent;
  std::uint32_t taken = 0;
  std::string holders;
  for (const auto& [id, run] : state.runs) {
    if (!holds(run, device)) continue;
    const std::uint32_t percent = termsOf(run).npu->percent;
    taken += percent;
    // Of another user's runs nobody is told more than that there are some.
    const bool isOwn = run.what.callerUid == by.ownerUid || by.peer.uid == 0;
    holders += (holders.empty() ? "" : ", ") + (isOwn ? describe(run) : "a run of another user") + " has " +
               std::to_string(percent) + " %";
  }
  if (taken + wanted <= kWholeDevice) return {};
  return Error{ErrorCode::kBusy,
               "the NPU " + device + " is leased: " + holders + ", and this run's share of " + std::to_string(wanted) +
                   " % would make it more than all of it; try again when one has ended, or with a smaller limits.npu",
               EBUSY};
}

}  // namespace

Result<void> checkLeases(const State& state, const AdmitRun& command) {
  if (!command.terms.npu) return {};
  const Wanting by{command.terms.npu->percent, command.plan.identity.callerUid, command.peer};
  for (const std::string& device : command.terms.npu->devices) RF_TRY(checkDevice(state, by, device));
  return {};
}

void giveLeases(Deciding& deciding, const AdmitRun& command) {
  if (!command.terms.npu) return;
  for (const std::string& device : command.terms.npu->devices)
    deciding.record(command.plan.run, LeaseGiven{device, command.terms.npu->percent});
}

void endLeases(Deciding& deciding, const RunId& id) {
  if (const Run* run = findLive(deciding.state(), id)) dropLeases(deciding, *run);
}

void dropLeases(Deciding& deciding, const Run& run) {
  const auto npu = termsOf(run).npu;
  if (!npu || run.leasesDropped.value_or(false)) return;
  for (const std::string& device : npu->devices) deciding.record(run.id, LeaseEnded{device});
}

Result<void> takeLeasesAgain(Deciding& deciding, const Run& run, const Peer& peer) {
  const auto npu = termsOf(run).npu;
  if (!npu || !run.leasesDropped.value_or(false)) return {};
  const Wanting by{npu->percent, run.what.callerUid, peer};
  for (const std::string& device : npu->devices) RF_TRY(checkDevice(deciding.state(), by, device));
  for (const std::string& device : npu->devices) deciding.record(run.id, LeaseGiven{device, npu->percent});
  return {};
}

}  // namespace ringfence::supervisor
