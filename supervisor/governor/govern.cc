#include "supervisor/governor/govern.h"

#include <algorithm>

#include "supervisor/governor/tick.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr Microseconds kTick{100'000};
constexpr Microseconds kNearTick{25'000};
constexpr Microseconds kHeldTick{500'000};
// What agents can take between two ticks and while a freeze takes hold: 3 GB/s were seen.
constexpr double kCouldTake = 512.0 * 1024 * 1024;

}  // namespace

Governor::Governor(GovernorSettings settings) : settings_(settings), state_(std::make_unique<GovernorState>()) {}
Governor::Governor(Governor&&) noexcept = default;
Governor::~Governor() = default;

std::vector<Proposal> Governor::tick(const Signals& signals, const CostModel& costs) {
  Tick tick(settings_, *state_, signals, costs);
  noteSignals(tick);
  governMemory(tick);
  governLimits(tick);
  governCalls(tick);
  governAccelerators(tick);
  governPower(tick);
  governQuietHours(tick);
  governWrites(tick);
  governStalls(tick);
  holdAnnounced(tick);
  resumeRelieved(tick);
  return std::move(tick.proposals);
}

std::optional<Microseconds> Governor::nextTick(const Signals& signals) const {
  if (signals.runs.empty()) return std::nullopt;
  // Whoever is about to be resumed runs before the next reading.
  const bool somebodyRuns = std::any_of(signals.runs.begin(), signals.runs.end(), [&](const RunSignals& run) {
    const auto seen = state_->seen.find(run.run);
    return run.hold == Hold::kNone || (seen != state_->seen.end() && seen->second.resumeProposed);
  });
  if (!somebodyRuns) return kHeldTick;
  const DeviceSignals& device = signals.device;
  if (!device.memoryAvailable) return kTick;
  const double near = reserveOf(settings_, device) + kCouldTake;
  return static_cast<double>(device.memoryAvailable->count) < near ? kNearTick : kTick;
}

std::optional<Microseconds> Governor::nextAnnounced() const {
  std::optional<Microseconds> first;
  for (const auto& [run, of] : state_->seen)
    if (of.announced) first = std::min(first.value_or(of.announced->until), of.announced->until);
  return first;
}

}  // namespace ringfence::supervisor::governor
