#include <catch2/catch_test_macros.hpp>

#include "machine.h"

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

struct Scenario {
  std::string what;
  MachineSetup setup;
  double mostEnded;  // part of the agents
};

// Each burst fits into the machine alone; all together do not.
const std::vector<Scenario> kScenarios{
    {"a laptop of 8 GB without swap", {.agents = 4, .burstPeak = 2.5e9}, 0.25},
    {"the same with 8 GB of swap", {.swap = 8e9, .agents = 4, .burstPeak = 2.5e9}, 0.05},
    {"16 GB, ten agents, no swap", {.total = 16e9, .foreground = 6e9, .agents = 10, .burstPeak = 3e9}, 0.35},
    {"a small board of 4 GB without swap", {.total = 4e9, .foreground = 1.5e9, .agents = 3, .burstPeak = 1.2e9}, 0.34},
    {"a person who opens and closes large programs",
     {.swap = 4e9, .foreground = 2.5e9, .foregroundBurst = 2e9, .agents = 4, .burstPeak = 1.8e9},
     0.25},
    {"slow growth", {.agents = 4, .burstSpeed = 100e6}, 0.25},
};

constexpr std::uint64_t kSeeds = 8;
constexpr double kLongest = 3 * 3600;

std::size_t mostFreezesInAMinute(const Agent& agent) {
  std::size_t most = 0;
  for (std::size_t i = 0; i < agent.freezes.size(); ++i) {
    std::size_t count = 0;
    for (std::size_t j = i; j < agent.freezes.size() && agent.freezes[j] < agent.freezes[i] + 60; ++j) ++count;
    most = std::max(most, count);
  }
  return most;
}

}  // namespace

TEST_CASE("bursts of 3 GB/s never use up the machine's memory, nobody is frozen in and out, and all go on in the end") {
  for (const Scenario& scenario : kScenarios) {
    std::size_t ended = 0, agents = 0, freezes = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      INFO(scenario.what << ", seed " << seed);
      Machine machine(scenario.setup, seed);
      machine.run(kLongest);
      CHECK(!machine.outOfMemory);
      for (const Agent& agent : machine.agents()) {
        INFO("agent " << agent.number << " after " << machine.now() << " s");
        CHECK(agent.isOver());
        CHECK(mostFreezesInAMinute(agent) <= 5);
        ended += agent.ended ? 1 : 0;
        freezes += agent.freezes.size();
        ++agents;
      }
    }
    INFO(scenario.what << ": " << ended << " of " << agents << " ended, " << freezes << " freezes");
    CHECK(freezes > 0);
    CHECK(static_cast<double>(ended) <= scenario.mostEnded * static_cast<double>(agents));
  }
}

TEST_CASE("the same machines run out of memory when nobody governs them") {
  for (const Scenario& scenario : kScenarios) {
    MachineSetup setup = scenario.setup;
    setup.governed = false;
    std::size_t outOfMemory = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      Machine machine(setup, seed);
      machine.run(kLongest);
      outOfMemory += machine.outOfMemory ? 1 : 0;
    }
    INFO(scenario.what << ": " << outOfMemory << " of " << kSeeds);
    CHECK(outOfMemory >= kSeeds / 2);
  }
}

TEST_CASE("agents that fit into the machine together are never touched") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Machine machine({.total = 32e9, .foreground = 4e9, .agents = 5}, seed);
    machine.run(kLongest);
    for (const Agent& agent : machine.agents()) {
      CHECK(agent.finished);
      CHECK(agent.freezes.empty());
    }
  }
}
