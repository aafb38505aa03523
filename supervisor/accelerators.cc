#include "supervisor/accelerators.h"

#include <algorithm>

#include "supervisor/core/accelerator_kinds.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

constexpr Microseconds kReadEvery{1'000'000};
constexpr Microseconds kLookEvery{10'000'000};  // for a device, where there was none: they come and go
constexpr Microseconds kStuckAfter{5'000'000};
// Between two readings of a device, while there are runs. What was counted in a longer one is nobody's for that part.
constexpr Microseconds kLongestWindow{60'000'000};

bool runs(const Run& run) {
  return std::holds_alternative<Running>(run.life) || std::holds_alternative<Frozen>(run.life);
}

}  // namespace

bool Accelerators::anyRuns() const {
  return std::ranges::any_of(live_.all(), [](const Run* run) { return runs(*run); });
}

std::optional<Microseconds> Accelerators::nextWake() const {
  if (world_.watch == nullptr || world_.cgroups == nullptr || asked_ || !anyRuns()) return std::nullopt;
  return next_.value_or(world_.clock.now().boottime);
}

void Accelerators::wake() {
  const auto due = nextWake();
  const Now now = world_.clock.now();
  if (!due || *due > now.boottime) return;
  if (!world_.watch->hasDevices()) {
    next_ = now.boottime + kLookEvery;
    return;
  }
  ask(now);
}

void Accelerators::ask(const Now& now) {
  const auto& state = world_.turns.state();
  std::erase_if(groups_, [&](const auto& entry) { return findLive(state, entry.first) == nullptr; });
  for (const Run* run : live_.all()) {
    if (!runs(*run) || groups_.contains(run->id)) continue;
    const auto place = world_.cgroups->agentPlace(run->id, run->what.priority, "");
    if (!place) continue;
    const GroupPlaces places{
        .cpu = {}, .memory = {}, .pids = {}, .io = {}, .unified = {place->directory.get(), place->version}};
    groups_.emplace(run->id, std::make_shared<const GroupMeter>(places));
  }
  for (const Run* run : live_.all()) follow(*run, now.monotonic);
  asked_ = now.boottime;
  next_ = now.boottime + kReadEvery;
  world_.watch->ask(groups_, othersToRead());
}

// Where a run has a lease the person's programs may want the same device.
AccelWatch::Others Accelerators::othersToRead() const {
  auto others = AccelWatch::Others::kLeftOut;
  for (const Run* run : live_.all()) {
    if (!run->what.terms) continue;
    if (run->what.terms->gpu) return AccelWatch::Others::kOfAll;
    if (run->what.terms->npu) others = AccelWatch::Others::kOfNpus;
  }
  return others;
}

void Accelerators::ready() {
  if (world_.watch == nullptr) return;
  const auto pass = world_.watch->take();
  if (!pass) return;
  asked_.reset();
  const auto& state = world_.turns.state();
  const auto leasesIn = [&](const DeviceWindow& window) {
    return leases_.within(window.device, window.from, window.to);
  };
  accounts_.add(*pass, leasesIn, [&](const RunId& id) { return findLive(state, id) != nullptr; });
  leases_.forgetBefore(pass->at - kLongestWindow);
}

// A run that is asked to end still runs.
void Accelerators::follow(const Run& run, Microseconds at) {
  if (!run.what.terms || (!run.what.terms->npu && !run.what.terms->gpu)) return;  // most runs
  if (!std::holds_alternative<Running>(run.life) && !std::holds_alternative<Stopping>(run.life))
    return leases_.close(run.id, at);
  std::vector<AccelDeviceId> devices;
  for (const AcceleratorKind kind : kAcceleratorKinds) {
    const auto& share = shareOf(*run.what.terms, kind);
    if (share) devices.insert(devices.end(), share->devices.begin(), share->devices.end());
  }
  leases_.open(run.id, devices, at);
}

void Accelerators::published(const Fact& fact) {
  if (const Run* run = findKnown(world_.turns.state(), fact.run)) follow(*run, fact.at.monotonic);
}

std::optional<Microseconds> Accelerators::stuckFor() const {
  if (!asked_) return std::nullopt;
  const Microseconds since = world_.clock.now().boottime - *asked_;
  return since >= kStuckAfter ? std::optional(since) : std::nullopt;
}

}  // namespace ringfence::supervisor
