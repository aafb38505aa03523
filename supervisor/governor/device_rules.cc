// What battery, heat and quiet hours ask for. Runs of the class interactive are left alone:
// a person waits for them.
#include "supervisor/governor/tick.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

// Resumed only when the battery has so many percent more, or the machine has been cool for so long.
constexpr std::uint32_t kBatteryMore = 5;
constexpr Microseconds kCoolFor{30'000'000};

void clear(Tick& tick, Reason reason) {
  for (auto& [run, of] : tick.state.seen) at(of.reasons, reason) = at(of.overridden, reason) = false;
}

void freezeBackground(Tick& tick, Reason reason, const std::string& words) {
  for (const RunSignals& run : tick.signals.runs)
    if (run.priority != RunClass::kInteractive) tick.freeze(run, reason, words);
}

void judgeBattery(Tick& tick) {
  const DeviceSignals& device = tick.signals.device;
  bool& low = tick.state.batteryLow;
  const auto& below = tick.settings.pauseBelowBatteryPercent;
  if (!below || !device.onBattery) low = false;
  if (!below || !device.onBattery || !device.batteryPercent) return;
  if (*device.batteryPercent < *below) low = true;
  if (*device.batteryPercent >= *below + kBatteryMore) low = false;
}

void judgeHeat(Tick& tick) {
  GovernorState& state = tick.state;
  if (tick.signals.device.tooHot) {
    state.hot = tick.settings.pauseWhenHot;
    state.coolSince.reset();
    return;
  }
  if (!state.coolSince) state.coolSince = tick.now;
  if (tick.now - *state.coolSince >= kCoolFor) state.hot = false;
}

bool isQuiet(const QuietHours& hours, std::uint32_t minute) {
  return hours.from < hours.to ? minute >= hours.from && minute < hours.to : minute >= hours.from || minute < hours.to;
}

std::string timeWords(std::uint32_t minute) {
  const auto two = [](std::uint32_t number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return two(minute / 60) + ":" + two(minute % 60);
}

}  // namespace

void governPower(Tick& tick) {
  judgeBattery(tick);
  judgeHeat(tick);
  if (!tick.state.batteryLow) clear(tick, Reason::kBattery);
  if (!tick.state.hot) clear(tick, Reason::kHeat);
  const auto& percent = tick.signals.device.batteryPercent;
  if (tick.state.batteryLow && percent)
    freezeBackground(tick, Reason::kBattery,
                     "the battery has " + std::to_string(*percent) + " %, less than " +
                         std::to_string(*tick.settings.pauseBelowBatteryPercent) + " %");
  if (tick.state.hot) freezeBackground(tick, Reason::kHeat, "the machine is too hot");
}

void governQuietHours(Tick& tick) {
  const auto& hours = tick.settings.quietHours;
  const auto& minute = tick.signals.device.minuteOfDay;
  if (!hours || !minute || !isQuiet(*hours, *minute)) return clear(tick, Reason::kQuietHours);
  freezeBackground(tick, Reason::kQuietHours,
                   "these are quiet hours (" + timeWords(hours->from) + " to " + timeWords(hours->to) + ")");
}

}  // namespace ringfence::supervisor::governor
