// Signals for the governor in one expression, and what it proposes in a form that a test can ask.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "supervisor/governor/govern.h"

namespace ringfence::supervisor::governor::test {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;
using namespace std::chrono_literals;

inline RunId runId(unsigned number) {
  char text[32];
  std::snprintf(text, sizeof text, "r-%016x", number);
  return *RunId::parse(text);
}

// A run that does nothing, of which everything is known.
inline RunSignals quietRun(unsigned number) {
  RunSignals run;
  run.run = runId(number);
  run.name = "agent-" + std::to_string(number);
  run.cpuUsec = run.ioReadBytes = run.ioWriteBytes = run.networkBytes = run.tokens = 0;
  run.memoryBytes = 300 * kMiB;
  run.anonymousBytes = 256 * kMiB;
  run.memoryPeakBytes = 300 * kMiB;
  run.swapBytes = 0;
  run.pids = 3;
  return run;
}

// A machine with 8 GiB, most of it free, no swap; the boottime is not near zero.
inline Signals quietMachine() {
  Signals signals;
  signals.device.at.boottime = signals.device.at.monotonic = 1000s;
  signals.device.cpus = 4;
  signals.device.memoryTotal = gibibytes(8);
  signals.device.memoryAvailable = gibibytes(6);
  signals.device.swapFree = Bytes{0};
  signals.device.foregroundIoStallUsec = signals.device.foregroundMemoryStallUsec = 0;
  return signals;
}

struct World {
  Signals signals = quietMachine();
  CostModel costs;
  Governor governor;
  std::vector<Proposal> last;

  explicit World(GovernorSettings settings = {}) : governor(settings) {}

  RunSignals& add(unsigned number) {
    signals.runs.push_back(quietRun(number));
    return signals.runs.back();
  }
  RunSignals& run(unsigned number) {
    return *std::find_if(signals.runs.begin(), signals.runs.end(),
                         [&](const RunSignals& run) { return run.run == runId(number); });
  }
  DeviceSignals& device() { return signals.device; }
  Microseconds now() const { return signals.device.at.boottime; }
  void pass(Microseconds time) {
    signals.device.at.boottime += time;
    signals.device.at.monotonic += time;
  }
  // What is proposed is not done, unless the test does it.
  const std::vector<Proposal>& tick() { return last = governor.tick(signals, costs); }
  const std::vector<Proposal>& tickAfter(Microseconds time) {
    pass(time);
    return tick();
  }
  const Proposal* find(unsigned number, Step step) const {
    const auto found = std::find_if(last.begin(), last.end(), [&](const Proposal& proposal) {
      return proposal.run == runId(number) && proposal.step == step;
    });
    return found == last.end() ? nullptr : &*found;
  }
  std::size_t count(Step step) const {
    return static_cast<std::size_t>(
        std::count_if(last.begin(), last.end(), [&](const Proposal& proposal) { return proposal.step == step; }));
  }
  // Holds and resumes as proposed.
  void obey() {
    for (const Proposal& proposal : last) {
      for (RunSignals& run : signals.runs) {
        if (run.run != proposal.run) continue;
        if (proposal.step == Step::kFreeze) {
          run.hold = Hold::kByGovernor;
          run.heldSince = now();
        }
        if (proposal.step == Step::kResume) run.hold = Hold::kNone;
      }
      if (proposal.step == Step::kKill)
        std::erase_if(signals.runs, [&](const RunSignals& run) { return run.run == proposal.run; });
    }
  }
  // Ticks of that length with everything obeyed; how often `step` was proposed.
  std::size_t run(Microseconds time, Step step, Microseconds each = 100ms) {
    std::size_t times = 0;
    for (Microseconds passed{}; passed < time; passed += each) {
      tickAfter(each);
      times += count(step);
      obey();
    }
    return times;
  }
  void grow(unsigned number, std::uint64_t bytes) {
    *run(number).anonymousBytes += bytes;
    *run(number).memoryBytes += bytes;
    device().memoryAvailable->count -= std::min(device().memoryAvailable->count, bytes);
  }
};

// One run of each class: 1 interactive, 2 background, 3 idle.
inline World threeClasses(GovernorSettings settings) {
  World world(settings);
  world.add(1).priority = RunClass::kInteractive;
  world.add(2).priority = RunClass::kBackground;
  world.add(3).priority = RunClass::kIdle;
  return world;
}

}  // namespace ringfence::supervisor::governor::test
