#include "supervisor/governor/alarms.h"

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "traces.h"

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

// One run, looked at once a second.
struct Watching {
  AlarmWatch watch{AlarmSettings{}};
  Signals signals = quietMachine();
  std::vector<Alarm> all;

  Watching() { signals.runs.push_back(quietRun(1)); }
  RunSignals& run() { return signals.runs[0]; }
  std::vector<Alarm> second() {
    signals.device.at.boottime += Microseconds{1s};
    const auto alarms = watch.tick(signals);
    all.insert(all.end(), alarms.begin(), alarms.end());
    return alarms;
  }
  // Seconds until that alarm; `most` when there is none.
  template <typename Change>
  int until(AlarmKind kind, int most, Change change) {
    for (int passed = 1; passed <= most; ++passed) {
      change(run(), passed);
      for (const Alarm& alarm : second())
        if (alarm.kind == kind) return passed;
    }
    return most;
  }
};

const auto kLeaks = [](RunSignals& run, int) { *run.anonymousBytes += kMiB; };

}  // namespace

TEST_CASE("a leak of 1 MiB/s is found within 60 s, said with its numbers, and said once") {
  Watching watching;
  CHECK(watching.until(AlarmKind::kLeak, 100, kLeaks) <= 60);
  REQUIRE(watching.all.size() == 1);
  CHECK(watching.all[0].run == runId(1));
  CHECK(watching.all[0].reason == "its memory has grown by 1.0 MiB/s for 40 s and gave none back");
  CHECK(watching.until(AlarmKind::kLeak, 600, kLeaks) == 600);
  // Over, and begun again.
  CHECK(watching.until(AlarmKind::kLeak, 600, [](RunSignals& run, int) { run.anonymousBytes = 256 * kMiB; }) == 600);
  CHECK(watching.until(AlarmKind::kLeak, 100, kLeaks) <= 60);
}

TEST_CASE("growth that is slow, comes at once, stops or is given back is no leak") {
  struct Case {
    std::string what;
    std::function<std::uint64_t(int)> bytes;  // at that second
  };
  const std::vector<Case> cases{
      {"100 KiB/s", [](int s) { return static_cast<std::uint64_t>(s) * 100 * 1024; }},
      {"one jump of 500 MiB", [](int s) { return s < 30 ? 0 : 500 * kMiB; }},
      {"two jumps", [](int s) { return (s > 20 ? 100 * kMiB : 0) + (s > 41 ? 100 * kMiB : 0); }},
      {"30 s of 10 MiB/s", [](int s) { return static_cast<std::uint64_t>(std::min(s, 30)) * 10 * kMiB; }},
      {"a slow start with a jump in it",
       [](int s) { return static_cast<std::uint64_t>(std::min(s, 60)) * 614 * 1024 + (s >= 25 ? 30 * kMiB : 0); }},
      {"a heap collected every 30 s", [](int s) { return static_cast<std::uint64_t>(s % 30) * 3 * kMiB; }},
      {"memory that is given back", [](int s) { return static_cast<std::uint64_t>(300 - s) * kMiB; }},
  };
  for (const Case& example : cases) {
    INFO(example.what);
    Watching watching;
    CHECK(watching.until(AlarmKind::kLeak, 290, [&](RunSignals& run, int second) {
      run.anonymousBytes = 200 * kMiB + example.bytes(second);
    }) == 290);
    CHECK(watching.all.empty());
  }
}

TEST_CASE("memory that the kernel swapped out was not given back") {
  Watching watching;
  CHECK(watching.until(AlarmKind::kLeak, 100, [](RunSignals& run, int second) {
    kLeaks(run, second);
    if (second % 10 == 0) {
      *run.swapBytes += 100 * kMiB;
      *run.anonymousBytes -= 100 * kMiB;
    }
  }) <= 60);
}

TEST_CASE("memory on an accelerator that only grows is an alarm of its own") {
  Watching watching;
  watching.run().acceleratorBytes = 0;
  CHECK(watching.until(AlarmKind::kAcceleratorLeak, 100, [](RunSignals& run, int) { *run.acceleratorBytes += kMiB; }) <=
        60);
  CHECK(watching.all.size() == 1);
}

TEST_CASE("what is unknown or held raises no alarm") {
  Watching unknown;
  unknown.run().anonymousBytes.reset();
  unknown.run().pids.reset();
  unknown.run().networkBytes.reset();
  CHECK(unknown.until(AlarmKind::kSpin, 300, [](RunSignals& run, int) { *run.cpuUsec += 1'000'000; }) == 300);
  Watching held;
  held.run().hold = Hold::kByOther;
  CHECK(held.until(AlarmKind::kLeak, 300, kLeaks) == 300);
  CHECK(unknown.all.empty());
  CHECK(held.all.empty());
}

TEST_CASE("a hundred bursty traces of ten minutes raise no alarm of any kind") {
  int alarmed = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    BurstyAgent agent(seed);
    Watching watching;
    for (int second = 0; second < 600; ++second) {
      watching.run() = agent.next();
      watching.second();
    }
    if (!watching.all.empty()) {
      ++alarmed;
      UNSCOPED_INFO("seed " << seed << ": " << watching.all[0].reason);
    }
  }
  CHECK(alarmed == 0);
}

TEST_CASE("a leak of 1 MiB/s hidden in the same bursts is found in each of twenty traces") {
  int found = 0, slowest = 0;
  for (std::uint64_t seed = 1001; seed <= 1020; ++seed) {
    BurstyAgent agent(seed, 1);
    Watching watching;
    const int after = watching.until(AlarmKind::kLeak, 600, [&](RunSignals& run, int) { run = agent.next(); });
    if (after < 600) ++found;
    slowest = std::max(slowest, after);
  }
  UNSCOPED_INFO("the slowest after " << slowest << " s");
  CHECK(found == 20);
  CHECK(slowest < 600);
}

TEST_CASE("a processor that is busy with nothing for two minutes is an alarm") {
  for (const int processors : {1, 3}) {
    Watching watching;
    const int after = watching.until(AlarmKind::kSpin, 300, [&](RunSignals& run, int second) {
      *run.cpuUsec += static_cast<std::uint64_t>(processors * (second % 2 == 0 ? 970'000 : 1'000'000));
    });
    CHECK(after >= 120);
    CHECK(after <= 125);
    REQUIRE(watching.all.size() == 1);
    CHECK(watching.all[0].reason == "it has kept " + std::to_string(processors) +
                                        (processors == 1 ? " processor" : " processors") +
                                        " busy for 2 min and read, wrote, sent and changed nothing");
  }
}

TEST_CASE("compilers, tests and whoever reads, writes, sends, changes size or shares a processor do not spin") {
  struct Case {
    std::string what;
    std::function<void(RunSignals&, int)> change;
  };
  const std::vector<Case> cases{
      {"reads a file now and then", [](RunSignals& r, int s) { *r.ioReadBytes += s % 60 == 0 ? 4096 : 0; }},
      {"writes a file now and then", [](RunSignals& r, int s) { *r.ioWriteBytes += s % 60 == 0 ? 4096 : 0; }},
      {"talks", [](RunSignals& r, int s) { *r.networkBytes += s % 60 == 0 ? 100 : 0; }},
      {"buys tokens", [](RunSignals& r, int s) { *r.tokens += s % 60 == 0 ? 10 : 0; }},
      {"compiles: another process each few seconds", [](RunSignals& r, int s) { r.pids = 3 + s / 7 % 2; }},
      {"tests: its memory comes and goes",
       [](RunSignals& r, int s) { r.memoryBytes = (300 + s / 20 % 2 * 40) * kMiB; }},
      {"fills its memory", [](RunSignals& r, int) { *r.memoryBytes += 64 * 1024; }},
      {"ends a turn", [](RunSignals& r, int s) { r.safePoint = Microseconds{s / 60}; }},
      {"uses half a processor", [](RunSignals& r, int) { *r.cpuUsec -= 500'000; }},
      {"works by jerks", [](RunSignals& r, int s) { *r.cpuUsec -= s % 30 == 0 ? 700'000 : 0; }},
  };
  for (const Case& example : cases) {
    INFO(example.what);
    Watching watching;
    CHECK(watching.until(AlarmKind::kSpin, 400, [&](RunSignals& run, int second) {
      *run.cpuUsec += 1'000'000;
      example.change(run, second);
    }) == 400);
    CHECK(watching.all.empty());
  }
}

TEST_CASE("processes that only multiply are an alarm, those of a build that come and go are none") {
  Watching watching;
  CHECK(watching.until(AlarmKind::kForkGrowth, 200, [](RunSignals& run, int) { *run.pids += 1; }) <= 60);
  CHECK(watching.all[0].reason.find("its processes have grown by 40 to ") == 0);
  Watching build;
  CHECK(build.until(AlarmKind::kForkGrowth, 600,
                    [](RunSignals& run, int second) { run.pids = 3 + static_cast<unsigned>(second % 40) * 2; }) == 600);
}

TEST_CASE("five ends within seconds of the start in a minute are a restart loop, told once until it is over") {
  AlarmWatch watch{AlarmSettings{}};
  Microseconds now = 1000s;
  const auto end = [&](unsigned number, const std::string& name, Microseconds lived) {
    now += Microseconds{5s};
    return watch.ended(runId(number), name, lived, now);
  };
  for (unsigned i = 0; i < 4; ++i) CHECK(!end(i, "npm-agent", 1s));
  CHECK(!end(10, "other", 1s));
  CHECK(!end(11, "npm-agent", 10s));  // lived long enough
  const auto alarm = end(4, "npm-agent", 1s);
  REQUIRE(alarm);
  CHECK(alarm->kind == AlarmKind::kRestartLoop);
  CHECK(alarm->run == runId(4));
  CHECK(alarm->reason == "it ended within seconds of its start 5 times in 30 s");
  CHECK(!end(5, "npm-agent", 1s));
  now += Microseconds{120s};
  for (unsigned i = 6; i < 10; ++i) CHECK(!end(i, "npm-agent", 1s));
  CHECK(end(12, "npm-agent", 1s));
}

TEST_CASE("four ends in a minute are no loop, however long they go on, and names are bounded") {
  AlarmWatch watch{AlarmSettings{}};
  Microseconds now = 1000s;
  for (int i = 0; i < 100; ++i) {
    now += Microseconds{16s};
    CHECK(!watch.ended(runId(1), "slow", 1s, now));
  }
  for (int i = 0; i < 10'000; ++i) CHECK(!watch.ended(runId(1), "name-" + std::to_string(i), 1s, now));
}
