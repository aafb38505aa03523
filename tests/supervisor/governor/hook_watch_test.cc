#include "supervisor/governor/hook_watch.h"

#include <catch2/catch_test_macros.hpp>

#include "traces.h"

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

// One run whose hook may be silent for 60 s of work, looked at once a second.
struct Listening {
  HookWatch watch;
  HookSigns signs{.run = runId(1), .silentAfter = Microseconds{60s}, .heardAt = {}, .cpuUsec = 0, .answers = 0};
  Microseconds now{1000s};

  // Seconds until it is said; `most` when it is not. Each second uses that much of a processor.
  int until(int most, double cpu, std::uint64_t started = 0, std::uint64_t answers = 0) {
    for (int passed = 1; passed <= most; ++passed) {
      now += Microseconds{1s};
      *signs.cpuUsec += static_cast<std::uint64_t>(cpu * 1e6);
      signs.started += started;
      if (signs.answers) *signs.answers += answers;
      const auto silences = watch.tick({signs}, now);
      if (silences.empty()) continue;
      REQUIRE(silences.size() == 1);
      CHECK(silences[0].run == runId(1));
      reason = silences[0].reason;
      return passed;
    }
    return most;
  }
  void hear() { signs.heardAt = now; }
  std::string reason;
};

}  // namespace

TEST_CASE("a run that works without a word of its hook since it began is said once") {
  Listening one;
  const int after = one.until(200, 0.5);
  CHECK(after >= 60);
  CHECK(after <= 63);
  CHECK(one.reason.starts_with("it has worked for 60 s"));
  CHECK(one.reason.ends_with("and its hook was never heard"));
  CHECK(one.until(300, 0.5, 1, 1) == 300);
}

TEST_CASE("a run that waits for its person, or is held, does not work") {
  Listening idle;
  CHECK(idle.until(600, 0.02, 1, 1) == 600);
  Listening held;
  held.signs.isHeld = true;
  CHECK(held.until(600, 0.5, 1, 1) == 600);
  held.signs.isHeld = false;
  CHECK(held.until(200, 0.5) < 70);
}

TEST_CASE("one long tool is no silence, and programs without answers of a model are none") {
  Listening building;
  (void)building.until(5, 0.5);
  building.hear();
  CHECK(building.until(900, 0.9, 0, 1) == 900);  // It fetches packages meanwhile.
  building.hear();
  CHECK(building.until(900, 0.9, 1, 0) == 900);
}

TEST_CASE("a hook that is not heard any more while tools start is said, and again after it was heard") {
  Listening one;
  one.hear();
  CHECK(one.until(30, 0.5, 1, 1) == 30);
  one.hear();
  const int after = one.until(200, 0.5, 1, 1);
  CHECK(after >= 60);
  CHECK(after <= 63);
  CHECK(one.reason.ends_with("and started programs, and its hook is not heard any more"));
  CHECK(one.until(300, 0.5, 1, 1) == 300);
  one.hear();
  CHECK(one.until(200, 0.5, 1, 1) <= 63);
}

TEST_CASE("where nobody counts answers the programs are enough") {
  Listening one;
  one.signs.answers.reset();
  one.hear();
  CHECK(one.until(200, 0.5, 1) <= 63);
}

TEST_CASE("an egress that counts from nothing again hides no silence and makes none") {
  Listening one;
  one.signs.answers = 50;
  one.hear();
  CHECK(one.until(30, 0.5, 1, 1) == 30);
  one.signs.answers = 0;
  CHECK(one.until(300, 0.5, 1, 0) == 300);
  CHECK(one.until(10, 0.5, 1, 1) <= 5);
}

TEST_CASE("a run that began before this daemon may have been heard before") {
  Listening one;
  one.signs.sawItBegin = false;
  CHECK(one.until(300, 0.5, 0, 1) == 300);
  CHECK(one.until(300, 0.5, 1, 1) <= 63);
}

TEST_CASE("a run whose processor time nobody can read is not said to be silent") {
  Listening one;
  one.signs.cpuUsec.reset();
  for (int i = 0; i < 300; ++i) {
    one.now += Microseconds{1s};
    CHECK(one.watch.tick({one.signs}, one.now).empty());
  }
  CHECK(one.watch.tick({}, one.now).empty());
}
