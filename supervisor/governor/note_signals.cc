// What a tick's numbers say of each run, before any rule: how fast it grows, whether what was proposed was done,
// whether somebody else resumed it.
#include <algorithm>
#include <set>

#include "supervisor/governor/tick.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr Microseconds kUnderWay{1'000'000};
constexpr Microseconds kKillUnderWay{2'000'000};
constexpr Microseconds kLeastSpan{10'000};  // two readings nearer than that say nothing of a rate
constexpr Microseconds kSpellOver{1'000'000};
// Longer than ten of the longest ticks that are near an end: a run that grows is read anew by then.
constexpr Microseconds kGrowthBelieved{1'500'000};
constexpr std::uint64_t kStillBytes = 256 * 1024;  // the kernel counts memory in use in steps
constexpr double kCovered = 0.8;
constexpr double kGrowing = 1024 * 1024;  // bytes a second
constexpr std::int64_t kMinute = 60'000'000;
constexpr double kReclaimedSomething = 1024 * 1024;

void noteHeldTime(Seen& of, const RunSignals& run, Microseconds now, Microseconds span) {
  const std::int64_t minute = now.count() / kMinute;
  const std::int64_t passed = std::min<std::int64_t>(minute - of.heldMinute, 60);
  for (std::int64_t i = 0; i < passed; ++i) of.heldMilliseconds[static_cast<std::size_t>((minute - i) % 60)] = 0;
  of.heldMinute = minute;
  // A machine that slept held everybody, which is not ours to count.
  if (run.hold == Hold::kByGovernor && of.hold == Hold::kByGovernor)
    of.heldMilliseconds[static_cast<std::size_t>(minute % 60)] +=
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(span.count() / 1000, 0, 60'000));
}

void noteHold(Seen& of, const RunSignals& run, Microseconds now) {
  if (run.hold == Hold::kByGovernor) {
    of.freezeProposed.reset();
    if (!any(of.reasons)) {
      at(of.reasons, Reason::kForgotten) = true;
      of.frozen = run.heldSince;
    }
  } else if (of.hold == Hold::kByGovernor) {
    // Resumed by us, or by somebody who wants it to go on in spite of the reason.
    if (!of.resumeProposed)
      for (std::size_t i = 0; i < kReasons; ++i) of.overridden[i] = of.overridden[i] || of.reasons[i];
    at(of.overridden, Reason::kMemory) = false;  // the person's programs come first
    of.resumed = now;
    of.reasons = {};
    of.resumeProposed.reset();
    of.grown = 0;
    of.relieved.clear();
  }
  if (of.freezeProposed && now - *of.freezeProposed > kUnderWay) {
    of.freezeProposed.reset();
    of.reasons = {};
  }
  if (of.killProposed && now - *of.killProposed > kKillUnderWay) of.killProposed.reset();
  of.hold = run.hold;
}

// A number that is repeated does not say that nothing grew, so what was seen before is believed for a while.
void noteRepeated(Seen& of, const RunSignals& run, Microseconds now, Microseconds sinceTick) {
  if (run.hold != Hold::kNone) {
    of.growth = 0;
    of.at = std::min(now, of.at + sinceTick);
    of.stillUntil = std::max(of.stillUntil, of.at);
  }
  if (now - of.at > kGrowthBelieved) of.growth = 0;
  if (run.memoryBytes && of.inUse && *run.memoryBytes <= *of.inUse + kStillBytes) of.stillUntil = now;
}

// Memory in use is read at each tick, so it tells when a growth began. It does not where the kernel took cached files
// for what grew, and so it stayed as it was.
Microseconds beganToGrow(const Seen& of, const RunSignals& run, double grown, Microseconds now) {
  const bool isKnown = run.memoryBytes && of.inUse && now - of.stillUntil >= kLeastSpan;
  if (!isKnown || of.stillUntil < of.at) return of.at;
  const double more = static_cast<double>(*run.memoryBytes) - static_cast<double>(*of.inUse);
  return more >= kCovered * grown ? of.stillUntil : of.at;
}

void noteGrowth(Seen& of, const RunSignals& run, Microseconds now, Microseconds sinceTick) {
  const bool anonymous = run.anonymousBytes.has_value();
  if (anonymous && run.anonymousRepeated) return noteRepeated(of, run, now, sinceTick);
  const std::optional<std::uint64_t> bytes = anonymous ? run.anonymousBytes : run.memoryBytes;
  const bool comparable = bytes && of.bytes && anonymous == of.bytesAreAnonymous;
  if (comparable && now - of.at < kLeastSpan) return;
  of.growth = 0;
  if (comparable && run.hold == Hold::kNone && *bytes > *of.bytes) {
    const double grown = static_cast<double>(*bytes - *of.bytes);
    of.growth = grown / seconds(now - beganToGrow(of, run, grown, now));
  }
  if (of.growth >= kGrowing) {
    of.grown += static_cast<double>(*bytes - *of.bytes);
    of.stoppedGrowing = now;
  } else if (run.hold == Hold::kNone && now - of.stoppedGrowing > kSpellOver) {
    of.grown = 0;
  }
  if (comparable && run.hold != Hold::kNone && *bytes < *of.bytes)
    of.reclaimed += static_cast<double>(*of.bytes - *bytes);
  of.bytes = bytes;
  of.bytesAreAnonymous = anonymous;
  of.inUse = run.memoryBytes;
  of.at = of.stillUntil = now;
}

void noteReclaim(Seen& of, const RunSignals& run, Microseconds now) {
  if (!of.reclaimProposed || now - *of.reclaimProposed < kUnderWay || !run.anonymousBytes) return;
  if (run.anonymousRepeated) return;  // It may be from before.
  const double gone = static_cast<double>(of.anonymousBeforeReclaim) - static_cast<double>(*run.anonymousBytes);
  if (gone < kReclaimedSomething && run.hold != Hold::kNone)
    of.reclaimFailed = now;
  else
    of.reclaimFailed.reset();
  of.reclaimProposed.reset();
}

// What is written is counted at the disk on the unified layout, and at the files on any; reads at the disk alone. What
// a process writes to files is read once a second, so a rate is of longer.
void noteMoved(Seen& of, const RunSignals& run, Microseconds now) {
  if (run.hold != Hold::kNone) {
    of.moved = {};
    return;
  }
  // Not every reading has what disks counted: without it the sum would seem to fall.
  of.diskCounted = of.diskCounted || run.ioWriteBytes;
  if (of.diskCounted && !run.ioWriteBytes) return;
  std::optional<std::uint64_t> moved;
  if (run.ioWriteBytes || run.fileBytesWritten)
    moved = run.ioReadBytes.value_or(0) + std::max(run.ioWriteBytes.value_or(0), run.fileBytesWritten.value_or(0));
  of.moved.add(moved, now, Microseconds{2'500'000});
}

// What of the fall of available memory no agent took: the person's programs grow.
void noteDevice(Tick& tick, double agentsTook) {
  GovernorState& state = tick.state;
  const auto& available = tick.signals.device.memoryAvailable;
  state.fell = false;
  state.foregroundGrowth = 0;
  if (available && state.available && state.at && tick.now - *state.at >= kLeastSpan) {
    const double fall = static_cast<double>(*state.available) - static_cast<double>(available->count);
    state.fell = fall > 0;
    const double span = static_cast<double>((tick.now - *state.at).count()) / 1e6;
    state.foregroundGrowth = std::max(0.0, fall - agentsTook) / span;
  }
  if (available)
    state.available = available->count;
  else
    state.available.reset();
  state.at = tick.now;
}

// All that are there have been noted, so nobody has gone where as many are remembered.
void forgetGone(Tick& tick) {
  auto& seen = tick.state.seen;
  if (seen.size() == tick.signals.runs.size()) return;
  std::set<RunId> there;
  for (const RunSignals& run : tick.signals.runs) there.insert(run.run);
  std::erase_if(seen, [&](const auto& entry) { return !there.contains(entry.first); });
}

}  // namespace

void Rate::add(std::optional<std::uint64_t> value, Microseconds now, Microseconds least) {
  if (!value) return;
  if (last && *value >= *last && now - at < least) return;
  perSecond.reset();
  if (last && *value >= *last && now > at)
    perSecond = static_cast<double>(*value - *last) / (static_cast<double>((now - at).count()) / 1e6);
  last = value;
  at = now;
}

void noteSignals(Tick& tick) {
  GovernorState& state = tick.state;
  const Microseconds span = state.at ? tick.now - *state.at : Microseconds{0};
  double took = 0;
  for (const RunSignals& run : tick.signals.runs) {
    Seen& of = tick.seen(run);
    noteHeldTime(of, run, tick.now, span);
    noteHold(of, run, tick.now);
    noteGrowth(of, run, tick.now, span);
    noteReclaim(of, run, tick.now);
    took += of.growth * seconds(span);
    of.cpu.add(run.cpuUsec, tick.now, Microseconds{500'000});
    of.npu.busy.add(run.npuBusyUsec, tick.now, Microseconds{500'000});
    of.gpu.busy.add(run.gpuBusyUsec, tick.now, Microseconds{500'000});
    noteMoved(of, run, tick.now);
    if (run.hold == Hold::kNone) {
      of.written.add(run.ioWriteBytes, tick.now, Microseconds{900'000});
      of.fileWrites.add(run.fileBytesWritten, tick.now, Microseconds{500'000});
    } else {
      of.written = of.fileWrites = {};  // A rate is of time in which it ran.
    }
  }
  forgetGone(tick);
  noteDevice(tick, took);
  if (state.killedAt && tick.now - *state.killedAt > kKillUnderWay) state.gainOfKills = 0;
}

}  // namespace ringfence::supervisor::governor
