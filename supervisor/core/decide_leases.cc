// Who holds NPUs and GPUs. A lease is taken with the admission of a run and ends with the run: a node that was opened
// once can be used until its descriptors are closed, and nobody can close those of an agent. An emergency stop takes it
// from a run that is held whole, and the run takes it again before it goes on. Several runs hold a device when their
// shares of it are together no more than all of it.
#include <algorithm>
#include <cerrno>

#include "supervisor/core/accelerator_kinds.h"
#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

constexpr std::uint32_t kWholeDevice = 100;

bool holds(const Run& run, AcceleratorKind kind, const std::string& device) {
  const RunTerms terms = termsOf(run);
  const auto& share = shareOf(terms, kind);
  return isLive(run) && !run.leasesDropped.value_or(false) && share &&
         std::ranges::find(share->devices, device) != share->devices.end();
}

struct Wanting {
  std::uint32_t ownerUid = 0;
  Peer peer;
};

Result<void> checkDevice(const State& state, const Wanting& by, AcceleratorKind kind, std::uint32_t wanted,
                         const std::string& device) {
  std::uint32_t taken = 0;
  std::string holders;
  for (const auto& [id, run] : state.runs) {
    if (!holds(run, kind, device)) continue;
    const std::uint32_t percent = shareOf(termsOf(run), kind)->percent;
    taken += percent;
    // Of another user's runs nobody is told more than that there are some.
    const bool isOwn = run.what.callerUid == by.ownerUid || by.peer.uid == 0;
    holders += (holders.empty() ? "" : ", ") + (isOwn ? describe(run) : "a run of another user") + " has " +
               std::to_string(percent) + " %";
  }
  if (taken + wanted <= kWholeDevice) return {};
  return Error{ErrorCode::kBusy,
               std::string("the ") + nameOf(kind) + " " + device + " is leased: " + holders +
                   ", and this run's share of " + std::to_string(wanted) +
                   " % would make it more than all of it; try again when one has ended, or with a smaller " +
                   keyOf(kind),
               EBUSY};
}

Result<void> checkDevices(const State& state, const Wanting& by, const RunTerms& terms) {
  for (const AcceleratorKind kind : kAcceleratorKinds) {
    const auto& share = shareOf(terms, kind);
    if (!share) continue;
    for (const std::string& device : share->devices) RF_TRY(checkDevice(state, by, kind, share->percent, device));
  }
  return {};
}

void give(Deciding& deciding, const RunId& run, const RunTerms& terms) {
  for (const AcceleratorKind kind : kAcceleratorKinds) {
    const auto& share = shareOf(terms, kind);
    if (!share) continue;
    for (const std::string& device : share->devices) deciding.record(run, LeaseGiven{device, share->percent});
  }
}

}  // namespace

Result<void> checkLeases(const State& state, const AdmitRun& command) {
  return checkDevices(state, {command.plan.identity.callerUid, command.peer}, command.terms);
}

void giveLeases(Deciding& deciding, const AdmitRun& command) { give(deciding, command.plan.run, command.terms); }

void endLeases(Deciding& deciding, const RunId& id) {
  if (const Run* run = findLive(deciding.state(), id)) dropLeases(deciding, *run);
}

void dropLeases(Deciding& deciding, const Run& run) {
  if (run.leasesDropped.value_or(false)) return;
  const RunTerms terms = termsOf(run);
  for (const AcceleratorKind kind : kAcceleratorKinds) {
    const auto& share = shareOf(terms, kind);
    if (!share) continue;
    for (const std::string& device : share->devices) deciding.record(run.id, LeaseEnded{device});
  }
}

Result<void> takeLeasesAgain(Deciding& deciding, const Run& run, const Peer& peer) {
  if (!run.leasesDropped.value_or(false)) return {};
  const RunTerms terms = termsOf(run);
  RF_TRY(checkDevices(deciding.state(), {run.what.callerUid, peer}, terms));
  give(deciding, run.id, terms);
  return {};
}

}  // namespace ringfence::supervisor
