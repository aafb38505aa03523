#include "supervisor/governor_convert.h"

#include <algorithm>

namespace ringfence::supervisor {
namespace {

std::optional<Bytes> bytes(std::optional<std::uint64_t> count) {
  return count ? std::optional(Bytes{*count}) : std::nullopt;
}

// Of a plan that names none, one is what its share speaks of.
std::uint32_t devicesOf(const AcceleratorShare& share) {
  return static_cast<std::uint32_t>(std::max<std::size_t>(share.devices.size(), 1));
}

}  // namespace

governor::RunClass classOf(policy::PriorityClass priority) {
  switch (priority) {
    case policy::PriorityClass::kInteractive: return governor::RunClass::kInteractive;
    case policy::PriorityClass::kBackground: return governor::RunClass::kBackground;
    case policy::PriorityClass::kIdle: break;
  }
  return governor::RunClass::kIdle;
}

governor::RunLimits limitsOf(const Run& run) {
  governor::RunLimits limits;
  // In place: to copy all terms of every run at every look costs as much as to read its groups.
  if (!run.what.terms) return limits;
  if (const auto& npu = run.what.terms->npu) {
    limits.npuPercent = npu->percent;
    limits.npuDevices = devicesOf(*npu);
  }
  if (const auto& gpu = run.what.terms->gpu) {
    limits.gpuPercent = gpu->percent;
    limits.gpuDevices = devicesOf(*gpu);
  }
  const auto& bounds = run.what.terms->bounds;
  if (!bounds) return limits;
  limits.memory = bytes(bounds->memoryBytes);
  limits.fileWritesPerSec = bytes(bounds->fileWriteBytesPerSec);
  limits.memoryHard = bytes(bounds->memoryHardBytes);
  const auto number = [](const std::optional<std::uint64_t>& count) {
    return count ? std::optional(static_cast<std::uint32_t>(*count)) : std::nullopt;
  };
  limits.pids = number(bounds->pids);
  limits.cpuPercent = number(bounds->cpuPercent);
  limits.atLimit = bounds->kill ? governor::AtLimit::kKill : governor::AtLimit::kPause;
  return limits;
}

PreemptStep stepOf(governor::Step step) {
  switch (step) {
    case governor::Step::kReclaim: return PreemptStep::kReclaim;
    case governor::Step::kLimitWrites: return PreemptStep::kLimitWrites;
    case governor::Step::kDeferModelCall: return PreemptStep::kDeferModelCall;
    case governor::Step::kFreeze: return PreemptStep::kFreeze;
    case governor::Step::kResume: return PreemptStep::kResume;
    case governor::Step::kAnnounce:
    case governor::Step::kWithdraw:  // Words alone, of propose().
    case governor::Step::kKill: break;
  }
  return PreemptStep::kKill;
}

PreemptCause causeOf(governor::Cause cause) {
  switch (cause) {
    case governor::Cause::kMemory: return PreemptCause::kMemory;
    case governor::Cause::kIo: return PreemptCause::kIo;
    case governor::Cause::kAccelerator: return PreemptCause::kAccelerator;
    case governor::Cause::kBattery: return PreemptCause::kBattery;
    case governor::Cause::kHeat: return PreemptCause::kHeat;
    case governor::Cause::kQuiet: return PreemptCause::kQuiet;
    case governor::Cause::kLimit: return PreemptCause::kLimit;
    case governor::Cause::kRelieved: break;
  }
  return PreemptCause::kRelieved;
}

AlarmKind kindOf(governor::AlarmKind kind) {
  switch (kind) {
    case governor::AlarmKind::kLeak: return AlarmKind::kLeak;
    case governor::AlarmKind::kAcceleratorLeak: return AlarmKind::kAcceleratorLeak;
    case governor::AlarmKind::kSpin: return AlarmKind::kSpin;
    case governor::AlarmKind::kForkGrowth: return AlarmKind::kForkGrowth;
    case governor::AlarmKind::kRestartLoop: break;
  }
  return AlarmKind::kRestartLoop;
}

}  // namespace ringfence::supervisor
