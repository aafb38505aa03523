// What agents do with memory and processors, as seeded traces of one sample a second, after what was measured of coding
// agents: a base near 185 MiB that stays, tools that last seconds and peak from 13 MiB to 15 times the base, changes of
// up to 3 GB in a second, heaps that fill by up to 30 MiB and are collected.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>

#include "governor_world.h"

namespace ringfence::supervisor::governor::test {

class BurstyAgent {
 public:
  explicit BurstyAgent(std::uint64_t seed, double leakMiBPerSec = 0) : random_(seed), leak_(leakMiBPerSec) {
    base_ = between(150, 220);
    heap_ = between(5, 30);
    heapFills_ = between(0.1, 2);
  }

  // One second more; what it reads then.
  RunSignals next() {
    ++second_;
    if (toolLeft_ <= 0 && random_() % 4 == 0) beginTool();
    double tool = 0;
    if (toolLeft_ > 0) {
      --toolLeft_;
      toolAge_ += 1;
      tool = toolPeak_ * std::min(1.0, toolAge_ / toolRise_) * between(0.7, 1.0);
    }
    garbage_ += heapFills_ * between(0.2, 1.8) * (toolLeft_ > 0 ? 1 : 0.3);
    if (garbage_ > heap_) garbage_ = heap_ * between(0, 0.3);
    leaked_ += leak_;
    RunSignals run = quietRun(1);
    run.activity = toolLeft_ > 0 ? Activity::kToolRunning : Activity::kStreaming;
    run.anonymousBytes = static_cast<std::uint64_t>((base_ + garbage_ + tool + leaked_ + between(0, 2)) * double(kMiB));
    run.memoryBytes = *run.anonymousBytes + 100 * kMiB;
    run.pids = toolLeft_ > 0 ? 3 + random_() % 20 : 3;
    cpu_ += static_cast<std::uint64_t>((toolLeft_ > 0 ? between(0.3, 3) : 0.02) * 1e6);
    written_ += toolLeft_ > 0 ? random_() % (4 * kMiB) : 0;
    network_ += toolLeft_ > 0 ? 0 : 10'000;
    run.cpuUsec = cpu_;
    run.ioReadBytes = run.ioWriteBytes = written_;
    run.networkBytes = network_;
    return run;
  }

 private:
  double between(double low, double high) { return std::uniform_real_distribution<>(low, high)(random_); }
  void beginTool() {
    const auto kind = random_() % 10;
    toolAge_ = 0;
    toolRise_ = between(0.5, 3);
    if (kind < 6) {  // looks at files
      toolLeft_ = 1 + static_cast<int>(random_() % 3);
      toolPeak_ = between(13, 60);
    } else if (kind < 9) {  // builds, tests
      toolLeft_ = 3 + static_cast<int>(random_() % 25);
      toolPeak_ = between(100, 600);
      toolRise_ = between(1, 20);
    } else {
      toolLeft_ = 1 + static_cast<int>(random_() % 6);
      toolPeak_ = base_ * between(8, 15);
    }
  }

  std::mt19937_64 random_;
  double leak_, base_, heap_, heapFills_, garbage_ = 0, leaked_ = 0;
  double toolPeak_ = 0, toolRise_ = 1, toolAge_ = 0;
  int toolLeft_ = 0, second_ = 0;
  std::uint64_t cpu_ = 0, written_ = 0, network_ = 0;
};

}  // namespace ringfence::supervisor::governor::test
