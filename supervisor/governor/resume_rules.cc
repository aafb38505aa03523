// Letting go: who has no reason left is resumed, a few at a time, the interactive first and then whoever waited
// longest, each only when what it will grow by is there too. Who waits for memory in vain is tried alone.
#include <algorithm>
#include <vector>

#include "supervisor/governor/tick.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr std::size_t kBatch = 2;
constexpr Microseconds kBetweenBatches{500'000};
// How much more than the reserve must be there to try one that waited in vain.
constexpr double kTryAbove = 1.25;
constexpr std::uint32_t kMostDoublings = 4;

struct Room {
  bool known = false;
  double available = 0, reserve = 0;
};

bool growsAgainInto(const Seen& of, const Room& room) {
  return room.available - of.lastGrowth - of.reclaimed >= room.reserve;
}

bool hasWaitedLong(Tick& tick, const RunSignals& run) {
  const Seen& of = tick.seen(run);
  const Microseconds patience = tick.settings.patience * (1 << std::min(of.memoryHolds, kMostDoublings));
  const bool another = tick.state.triedAt && tick.now - *tick.state.triedAt < tick.settings.patience;
  return !another && tick.now - of.frozen >= patience;
}

bool mayGo(Tick& tick, const RunSignals& run, const Room& room) {
  Seen& of = tick.seen(run);
  if (tick.now - of.frozen < tick.holdLasts(run)) return false;
  if (!at(of.reasons, Reason::kMemory) && !at(of.reasons, Reason::kForgotten)) return true;
  // Why it was held is forgotten: then only memory that is known to be short holds it.
  if (!room.known) return at(of.reasons, Reason::kForgotten) && !at(of.reasons, Reason::kMemory);
  if (room.available > 2 * room.reserve && growsAgainInto(of, room)) return true;
  if (room.available < kTryAbove * room.reserve || !hasWaitedLong(tick, run)) return false;
  tick.state.triedAt = tick.now;
  return true;
}

bool holdsForOtherReasons(const Seen& of) {
  Reasons others = of.reasons;
  at(others, Reason::kMemory) = at(others, Reason::kForgotten) = false;
  return any(others);
}

std::string relievedWords(const Seen& of, const Room& room) {
  if (!of.relieved.empty()) return of.relieved;
  if (at(of.reasons, Reason::kMemory)) return bytesWords(room.available) + " of memory are available again";
  if (at(of.reasons, Reason::kForgotten)) return "why it was paused is not known any more, and nothing holds it now";
  return "what it was paused for is over";
}

// Somebody outside came to wait for a lock of a run that we hold: it goes at once, whatever it was held for.
void resumeLockHolders(Tick& tick) {
  for (const RunSignals& run : tick.signals.runs)
    if (run.holdsForeignLock) tick.resume(run, "somebody outside waits for a file lock that it holds");
}

}  // namespace

void resumeRelieved(Tick& tick) {
  resumeLockHolders(tick);
  GovernorState& state = tick.state;
  if (state.resumedAt && tick.now - *state.resumedAt < kBetweenBatches) return;
  Room room{.reserve = tick.reserve()};
  if (const auto& available = tick.signals.device.memoryAvailable) {
    room.known = true;
    room.available = static_cast<double>(available->count);
  }
  std::vector<const RunSignals*> held;
  for (const RunSignals& run : tick.signals.runs)
    if (run.hold == Hold::kByGovernor && !holdsForOtherReasons(tick.seen(run))) held.push_back(&run);
  std::stable_sort(held.begin(), held.end(), [&](const RunSignals* a, const RunSignals* b) {
    const bool aFirst = a->priority == RunClass::kInteractive, bFirst = b->priority == RunClass::kInteractive;
    return aFirst != bFirst ? aFirst : tick.seen(*a).frozen < tick.seen(*b).frozen;
  });
  std::size_t resumed = 0;
  for (const RunSignals* run : held) {
    if (resumed == kBatch) break;
    Seen& of = tick.seen(*run);
    if (!mayGo(tick, *run, room) || !tick.resume(*run, relievedWords(of, room))) continue;
    room.available -= of.lastGrowth + of.reclaimed;
    state.resumedAt = tick.now;
    ++resumed;
  }
}

}  // namespace ringfence::supervisor::governor
