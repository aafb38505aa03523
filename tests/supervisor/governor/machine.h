// A machine with memory, perhaps swap, a person's programs and agents whose memory comes in bursts. It does what the
// governor proposes as late as a real one would: a freeze takes up to 50 ms, an end gives memory back after 20 ms,
// swapping out goes at 400 MB/s, reading back at 250 MB/s. Five milliseconds a step, no clock, one seed.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "governor_world.h"

namespace ringfence::supervisor::governor::test {

constexpr double kMB = 1e6;

struct Burst {
  double seconds = 0;      // of work before it
  double bytes = 0;        // on top of the base
  double bytesPerSec = 0;  // up to 3 GB/s
  double keeps = 0;        // seconds
};

struct Agent {
  unsigned number = 0;
  double base = 0;
  std::vector<Burst> bursts;
  // Where it stands.
  std::size_t burst = 0;
  double worked = 0, kept = 0;
  double resident = 0, swapped = 0;
  bool finished = false, ended = false;
  Hold hold = Hold::kNone;
  double heldSince = 0;
  double freezesAt = -1, endsAt = -1;  // under way
  double reclaim = 0;
  std::vector<double> freezes;

  double used() const { return resident + swapped; }
  bool isOver() const { return finished || ended; }
};

struct MachineSetup {
  double total = 8e9, swap = 0, foreground = 3e9, foregroundBurst = 0;
  unsigned agents = 4;
  double burstPeak = 2e9, burstSpeed = 3e9;
  bool governed = true;
};

class Machine {
 public:
  Machine(const MachineSetup& setup, std::uint64_t seed) : setup_(setup), random_(seed) {
    for (unsigned number = 1; number <= setup.agents; ++number) agents_.push_back(makeAgent(number));
    foreground_ = setup.foreground;
    foregroundUntil_ = between(10, 30);
  }

  // Until all agents are over, or that many seconds.
  void run(double most) {
    double nextTick = 0;
    while (now_ < most && !std::all_of(agents_.begin(), agents_.end(), [](const Agent& a) { return a.isOver(); })) {
      if (setup_.governed && now_ >= nextTick) nextTick = now_ + tick();
      step();
      if (available() < 0) {
        outOfMemory = true;
        return;
      }
      leastAvailable = std::min(leastAvailable, available());
    }
  }

  double now() const { return now_; }
  const std::vector<Agent>& agents() const { return agents_; }
  bool outOfMemory = false;
  double leastAvailable = 1e18;

 private:
  static constexpr double kStep = 0.005;

  double between(double low, double high) { return std::uniform_real_distribution<>(low, high)(random_); }

  Agent makeAgent(unsigned number) {
    Agent agent{.number = number, .base = between(150 * kMB, 250 * kMB)};
    agent.resident = agent.base;
    const auto bursts = 3 + random_() % 4;
    for (std::size_t i = 0; i < bursts; ++i)
      agent.bursts.push_back({.seconds = between(1, 20),
                              .bytes = setup_.burstPeak * between(0.1, 1),
                              .bytesPerSec = setup_.burstSpeed * between(0.1, 1),
                              .keeps = between(0.5, 8)});
    return agent;
  }

  double available() const {
    double used = foreground_;
    for (const Agent& agent : agents_) used += agent.resident;
    return setup_.total - used;
  }
  double swapFree() const {
    double used = 0;
    for (const Agent& agent : agents_) used += agent.swapped;
    return setup_.swap - used;
  }

  void work(Agent& agent) {
    // What was swapped out is touched again first; that is not progress.
    if (agent.swapped > 0) {
      const double back = std::min(agent.swapped, 250 * kMB * kStep);
      agent.swapped -= back;
      agent.resident += back;
      return;
    }
    if (agent.burst == agent.bursts.size()) {
      agent.finished = true;
      agent.resident = 0;
      return;
    }
    const Burst& burst = agent.bursts[agent.burst];
    if (agent.worked < burst.seconds) {
      agent.worked += kStep;
    } else if (agent.kept == 0 && agent.used() < agent.base + burst.bytes) {
      agent.resident += burst.bytesPerSec * kStep;
    } else if (agent.kept < burst.keeps) {
      agent.kept += kStep;
    } else {
      agent.resident = agent.base;
      agent.worked = agent.kept = 0;
      ++agent.burst;
    }
  }

  void swapOut(Agent& agent) {
    const double out = std::min({agent.reclaim, 400 * kMB * kStep, agent.resident, swapFree()});
    if (out <= 0) {
      agent.reclaim = 0;
      return;
    }
    agent.reclaim -= out;
    agent.resident -= out;
    agent.swapped += out;
  }

  void step() {
    now_ += kStep;
    if (now_ > foregroundUntil_) {
      foregroundTarget_ = foregroundTarget_ > 0 ? 0 : setup_.foregroundBurst;
      foregroundUntil_ = now_ + between(5, 40);
    }
    const double target = setup_.foreground + foregroundTarget_;
    foreground_ = foreground_ < target ? std::min(target, foreground_ + 500 * kMB * kStep) : target;
    for (Agent& agent : agents_) {
      if (agent.isOver()) continue;
      if (agent.endsAt >= 0 && now_ >= agent.endsAt) {
        agent.ended = true;
        agent.resident = agent.swapped = 0;
        continue;
      }
      if (agent.freezesAt >= 0 && now_ >= agent.freezesAt) {
        agent.hold = Hold::kByGovernor;
        agent.heldSince = now_;
        agent.freezesAt = -1;
      }
      if (agent.reclaim > 0) swapOut(agent);
      if (agent.hold == Hold::kNone) work(agent);
    }
  }

  Signals read() const {
    Signals signals = quietMachine();
    signals.device.at.boottime = signals.device.at.monotonic = Microseconds{1000s} + micros(now_);
    signals.device.memoryTotal = Bytes{static_cast<std::uint64_t>(setup_.total)};
    signals.device.memoryAvailable = Bytes{static_cast<std::uint64_t>(available())};
    signals.device.swapFree = Bytes{static_cast<std::uint64_t>(swapFree())};
    signals.device.canReclaim = true;
    for (const Agent& agent : agents_) {
      if (agent.isOver()) continue;
      RunSignals run = quietRun(agent.number);
      run.hold = agent.hold;
      run.heldSince = Microseconds{1000s} + micros(agent.heldSince);
      run.started = Microseconds{1000s};
      run.anonymousBytes = static_cast<std::uint64_t>(agent.resident);
      run.memoryBytes = *run.anonymousBytes;
      run.swapBytes = static_cast<std::uint64_t>(agent.swapped);
      signals.runs.push_back(run);
    }
    return signals;
  }

  static Microseconds micros(double seconds) { return Microseconds{static_cast<Microseconds::rep>(seconds * 1e6)}; }

  double tick() {
    const Signals signals = read();
    for (const Proposal& proposal : governor_.tick(signals, costs_)) {
      for (Agent& agent : agents_) {
        if (runId(agent.number) != proposal.run) continue;
        if (proposal.step == Step::kFreeze) {
          agent.freezesAt = now_ + between(0.001, 0.05);
          agent.freezes.push_back(now_);
        }
        if (proposal.step == Step::kResume) agent.hold = Hold::kNone;
        if (proposal.step == Step::kKill) agent.endsAt = now_ + 0.02;
        if (proposal.step == Step::kReclaim) agent.reclaim = static_cast<double>(proposal.reclaim->count);
      }
    }
    return static_cast<double>(governor_.nextTick(signals).value_or(Microseconds{100ms}).count()) / 1e6;
  }

  MachineSetup setup_;
  std::mt19937_64 random_;
  std::vector<Agent> agents_;
  double now_ = 0, foreground_ = 0, foregroundTarget_ = 0, foregroundUntil_ = 0;
  CostModel costs_;
  Governor governor_{GovernorSettings{}};
};

}  // namespace ringfence::supervisor::governor::test
