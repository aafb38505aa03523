// Facts of every kind with random content, fitting together or not.
#pragma once

#include <random>

#include "core_world.h"

namespace ringfence::supervisor::test {

class RandomFacts {
 public:
  explicit RandomFacts(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool coin() { return below(2) == 0; }

  std::string text() {
    static const std::vector<std::string> kTexts{"",
                                                 "coder",
                                                 "a \"quoted\" name",
                                                 "tab\tand\nnewline",
                                                 "\xff\xfe not UTF-8",
                                                 "größe",
                                                 std::string("nul\0inside", 10),
                                                 "\x1b[31mred",
                                                 "/home/ada/project"};
    return kTexts[below(kTexts.size())];
  }
  std::uint32_t number() { return static_cast<std::uint32_t>(random_()); }
  std::int32_t pid() { return static_cast<std::int32_t>(below(40000)); }
  sandbox::Wall wall() { return static_cast<sandbox::Wall>(below(sandbox::kWallCount)); }
  sandbox::ExitStatus exit() {
    sandbox::ExitStatus status;
    if (coin())
      status.code = static_cast<int>(below(256));
    else if (coin())
      status.signal = static_cast<int>(below(64));
    return status;
  }
  FinalUsage usage() {
    FinalUsage usage;
    if (coin()) usage.cpuUsec = random_();
    if (coin()) usage.ioWriteBytes = 0;
    if (coin()) usage.outputBytes = random_();
    return usage;
  }

  FactBody body(std::size_t kind) {
    switch (kind) {
      case 0: return DaemonStarted{text(), text()};
      case 1: return DaemonStopping{text()};
      case 2:
        return RunAdmitted{.name = text(),
                           .callerUid = number(),
                           .uid = number(),
                           .gid = number(),
                           .command = {text(), text()},
                           .workspace = text(),
                           .policyName = text(),
                           .policyHash = text(),
                           .planHash = text(),
                           .priority = static_cast<policy::PriorityClass>(below(3)),
                           .stdio = static_cast<sandbox::Stdio>(below(3)),
                           .weakened = {{wall(), text()}},
                           .detached = coin()};
      case 3: return RunBuilt{{{wall(), text(), text(), coin(), coin()}}, {{text()}}, pid()};
      case 4: return RunStarted{pid()};
      case 5: return RunRefused{text(), text(), 125};
      case 6: return RunFrozen{number(), text()};
      case 7: return RunResumed{number()};
      case 8: return RunStopping{number(), coin(), text()};
      case 9: return RunEnded{exit(), coin(), text(), usage()};
      case 10: return DifferenceFound{text(), text()};
      case 11: return RunAdopted{pid(), pid()};
      case 12: return LauncherLost{text()};
      case 13: return LauncherReady{pid()};
      case 14: return PolicyTrusted{number(), text(), text()};
      case 15: return SnapshotTaken{random_(), text()};
      default: return SegmentRetired{random_(), text()};
    }
  }

  Fact fact(std::uint64_t seq) {
    Fact fact;
    fact.seq = seq;
    if (below(8) != 0) fact.run = runId(static_cast<unsigned>(below(20)));
    fact.at = {Microseconds(below(1'000'000)), Microseconds(below(1'000'000)), Microseconds(below(1'000'000))};
    fact.bootId = coin() ? "boot-1" : "boot-2";
    fact.body = body(below(std::variant_size_v<FactBody>));
    return fact;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace ringfence::supervisor::test
