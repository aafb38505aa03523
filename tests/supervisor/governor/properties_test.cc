#include <array>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>
#include <set>

#include "governor_world.h"

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

// Signals that fit together or not: runs come and go, numbers are there or not and jump, memory is short or plenty,
// what was proposed is done, done late, or never.
class RandomMachine {
 public:
  explicit RandomMachine(std::uint64_t seed) : random_(seed), signals_(quietMachine()) {
    settings.pauseWhenHot = coin();
    if (coin()) settings.pauseBelowBatteryPercent = 30;
  }

  GovernorSettings settings;

  const Signals& next() {
    const Microseconds step{static_cast<Microseconds::rep>(below(10) == 0 ? below(60'000'000) : below(300'000))};
    signals_.device.at.boottime += step;
    signals_.device.at.monotonic += step;
    device();
    if (signals_.runs.size() < 12 && below(10) == 0) signals_.runs.push_back(quietRun(++made_));
    std::erase_if(signals_.runs, [&](const RunSignals&) { return below(200) == 0; });
    for (RunSignals& run : signals_.runs) change(run);
    return signals_;
  }
  void obey(const std::vector<Proposal>& proposals) {
    for (const Proposal& proposal : proposals)
      for (RunSignals& run : signals_.runs) {
        if (run.run != proposal.run || below(4) == 0) continue;
        if (proposal.step == Step::kFreeze) {
          run.hold = Hold::kByGovernor;
          run.heldSince = signals_.device.at.boottime;
        }
        if (proposal.step == Step::kResume) run.hold = Hold::kNone;
      }
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool coin() { return below(2) == 0; }
  void number(std::optional<std::uint64_t>& value, std::uint64_t most) {
    switch (below(8)) {
      case 0: value.reset(); return;
      case 1: value = below(most); return;
      default: value = value.value_or(0) + below(most / 50 + 1);
    }
  }
  void device() {
    DeviceSignals& device = signals_.device;
    if (below(20) == 0) scarce_ = !scarce_;
    device.memoryAvailable = Bytes{below(scarce_ ? kGiB : 8 * kGiB)};
    if (below(20) == 0) device.memoryAvailable.reset();
    device.swapFree = Bytes{below(2) * below(4 * kGiB)};
    device.canReclaim = coin();
    device.onBattery = below(50) == 0 ? !device.onBattery : device.onBattery;
    device.tooHot = below(50) == 0 ? !device.tooHot : device.tooHot;
    device.batteryPercent = static_cast<std::uint32_t>(below(100));
    if (below(5) == 0) device.batteryPercent.reset();
    number(device.foregroundIoStallUsec, 1'000'000);
    number(device.foregroundMemoryStallUsec, 1'000'000);
    number(device.foregroundNpuBusyUsec, 10'000'000);
    number(device.foregroundGpuBusyUsec, 10'000'000);
  }
  void change(RunSignals& run) {
    number(run.anonymousBytes, 3 * kGiB);
    number(run.memoryBytes, 3 * kGiB);
    number(run.cpuUsec, 10'000'000);
    number(run.ioWriteBytes, 10 * kGiB);
    number(run.npuBusyUsec, 10'000'000);
    number(run.gpuBusyUsec, 10'000'000);
    number(run.tokens, 100'000);
    if (below(50) == 0) run.wallTimeToday = Microseconds{static_cast<Microseconds::rep>(below(2'000'000'000))};
    if (below(50) == 0) run.holdsForeignLock = !run.holdsForeignLock;
    if (below(100) == 0) run.hold = static_cast<Hold>(below(3));
    if (below(100) == 0) run.priority = static_cast<RunClass>(below(3));
    if (below(100) == 0) run.callsCanWait = !run.callsCanWait;
    if (below(50) == 0) run.pauseNotice = coin() ? std::optional<Microseconds>(5s) : std::nullopt;
    if (below(20) == 0) run.readyAt = signals_.device.at.boottime;
    if (below(50) == 0) run.activity = static_cast<Activity>(below(5));
    if (below(100) == 0)
      run.limits = {.memory = gibibytes(1 + below(2)),
                    .wallTime = Microseconds{static_cast<Microseconds::rep>(below(2'000'000'000))},
                    .wallTimePerDay = Microseconds{static_cast<Microseconds::rep>(below(2'000'000'000))},
                    .tokens = below(100'000),
                    .npuPercent = static_cast<std::uint32_t>(below(100)),
                    .gpuPercent = static_cast<std::uint32_t>(below(100)),
                    .atLimit = static_cast<AtLimit>(below(3))};
  }

  std::mt19937_64 random_;
  Signals signals_;
  unsigned made_ = 0;
  bool scarce_ = false;
};

std::string textOf(const std::vector<Proposal>& proposals) {
  std::string text;
  for (const Proposal& proposal : proposals)
    text += proposal.run.text() + " " + std::to_string(static_cast<int>(proposal.step)) + " " +
            std::to_string(static_cast<int>(proposal.cause)) + " " + proposal.reason + "\n";
  return text;
}

const RunSignals* findRun(const Signals& signals, const RunId& id) {
  for (const RunSignals& run : signals.runs)
    if (run.run == id) return &run;
  return nullptr;
}

}  // namespace

TEST_CASE("whatever is read, nothing is proposed that must not be") {
  std::array<std::size_t, 8> steps{};
  std::size_t ticks = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    RandomMachine machine(seed);
    Governor governor(machine.settings);
    const CostModel costs;
    std::map<RunId, Microseconds> frozen;
    std::set<RunId> announced;
    for (int i = 0; i < 500; ++i, ++ticks) {
      const Signals& signals = machine.next();
      const std::vector<Proposal> proposals = governor.tick(signals, costs);
      std::set<std::pair<RunId, Step>> once;
      for (const Proposal& proposal : proposals) {
        INFO("seed " << seed << " tick " << i << ": " << textOf({proposal}));
        const RunSignals* run = findRun(signals, proposal.run);
        REQUIRE(run != nullptr);
        ++steps[static_cast<std::size_t>(proposal.step)];
        CHECK(once.insert({proposal.run, proposal.step}).second);
        CHECK(!proposal.reason.empty());
        CHECK(proposal.reason.find("nan") == std::string::npos);
        CHECK(proposal.reason.find("inf") == std::string::npos);
        const bool loses = proposal.step != Step::kResume && proposal.step != Step::kDeferModelCall &&
                           proposal.step != Step::kWithdraw;
        if (run->holdsForeignLock) CHECK(!loses);
        // What was announced was decided when it was.
        if (proposal.cause == Cause::kMemory && !announced.erase(proposal.run))
          CHECK(signals.device.memoryAvailable.has_value());
        switch (proposal.step) {
          case Step::kAnnounce:
            CHECK(run->hold == Hold::kNone);
            CHECK(run->pauseNotice == proposal.within);
            announced.insert(proposal.run);
            break;
          case Step::kWithdraw: announced.erase(proposal.run); break;
          case Step::kFreeze: {
            CHECK(run->hold == Hold::kNone);
            CHECK(proposal.predicted.has_value());
            const auto last = frozen.find(proposal.run);
            // What was spent is not given back by waiting, so it holds at once.
            static const std::set<std::string> kSpent{"wall_time", "wall_time_per_day", "tokens", "tokens_per_day",
                                                      "cost",      "cost_per_day"};
            if (proposal.cause != Cause::kMemory && !kSpent.contains(proposal.limit) && last != frozen.end())
              CHECK(signals.device.at.boottime - last->second >= machine.settings.leastBetweenHolds);
            announced.erase(proposal.run);
            frozen[proposal.run] = signals.device.at.boottime;
            break;
          }
          case Step::kResume: {
            CHECK(run->hold == Hold::kByGovernor);
            const auto last = frozen.find(proposal.run);
            if (last != frozen.end() && !run->holdsForeignLock && run->heldSince >= last->second)
              CHECK(signals.device.at.boottime - last->second >= machine.settings.leastHold);
            break;
          }
          case Step::kReclaim:
            REQUIRE(proposal.reclaim.has_value());
            CHECK(signals.device.canReclaim);
            CHECK(*proposal.reclaim <= *signals.device.swapFree);
            CHECK(proposal.reclaim->count <= *run->anonymousBytes);
            break;
          case Step::kKill: CHECK(proposal.predicted.has_value()); break;
          default: break;
        }
      }
      machine.obey(proposals);
      if (!signals.runs.empty()) CHECK(governor.nextTick(signals).has_value());
    }
  }
  // A property that nothing was held against says nothing.
  CHECK(ticks == 20'000);
  for (const std::size_t count : steps) CHECK(count > 20);
}

TEST_CASE("the same signals give the same proposals, word for word") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    RandomMachine one(seed), other(seed);
    Governor first(one.settings), second(other.settings);
    const CostModel costs;
    for (int i = 0; i < 300; ++i) {
      const auto proposals = first.tick(one.next(), costs);
      REQUIRE(textOf(proposals) == textOf(second.tick(other.next(), costs)));
      one.obey(proposals);
      other.obey(proposals);
    }
  }
}

TEST_CASE("a machine that sleeps and a clock that stands still confuse nobody") {
  World world;
  world.add(1);
  world.device().memoryAvailable = gibibytes(1);
  world.tick();
  world.grow(1, 300 * kMiB);
  CHECK(world.tick().empty());  // no time has passed: no rate
  world.pass(8h);
  CHECK(world.tick().empty());
}
