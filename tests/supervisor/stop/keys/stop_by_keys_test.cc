// ringfence-stop and its keys together, over FIFOs in the place of keyboards.
#include "tests/supervisor/stop/keys/keyboards.h"
#include "tests/supervisor/stop/stop_world.h"

using namespace ringfence;
using namespace ringfence::test;

namespace {

// The program from a folder of its own, where what it starts to look at keyboards looks at FIFOs.
class StopByKeys {
 public:
  StopByKeys(const StopWorld& world, const Keyboards& keyboards) {
    const std::string program = folder_.path() + "/ringfence-stop";
    std::filesystem::copy(RINGFENCE_BIN_DIR "/ringfence-stop", program);
    const std::string keys = folder_.write("ringfence-stop-keys", "#!/bin/sh\nshift\nexec " RINGFENCE_BIN_DIR
                                                                  "/stop-keys-over-fifos --directory=" +
                                                                      keyboards.path + " \"$@\"\n");
    REQUIRE(::chmod(keys.c_str(), 0755) == 0);
    const std::string run = folder_.makeDirectory("run");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(program.c_str(), program.c_str(), "--run-dir", run.c_str(), "--state-dir", world.state.path().c_str(),
              "--cgroup-root", world.name.c_str(), "--keys", "press pause x2 within 10s", "--keys",
              "button 1234:abcd f13", nullptr);
      ::_exit(127);
    }
  }
  ~StopByKeys() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  TempDir folder_;
  pid_t pid_ = -1;
};

bool isLatchedBy(const StopWorld& world, std::string_view trigger) {
  const auto latch = readLatch(world.state.path());
  return latch.isLatched() && latch.stop.trigger.view() == trigger;
}

}  // namespace

TEST_CASE("a press of the keys freezes every run, without the daemon, and a second one kills them") {
  Keyboards keyboards;
  keyboards.plug(0, kKeyboard);
  keyboards.plug(1, "1234:abcd 183");
  StopWorld world;
  const RunId run = world.addRun(), other = world.addRun(PriorityClass::kInteractive);
  world.addSleepers(run, 2);
  world.add(
      other, [] {}, PriorityClass::kInteractive);
  const StopByKeys program(world, keyboards);
  keyboards.key(0, KEY_PAUSE, 1);
  keyboards.key(0, KEY_PAUSE, 0);
  ::usleep(60'000);  // what is nearer is the same press
  keyboards.key(0, KEY_PAUSE, 1);
  REQUIRE(eventually([&] { return isLatchedBy(world, "keys: press pause x2 within 10s"); }));
  CHECK(world.isToldToFreeze({}));
  CHECK(world.isToldToFreeze({}, PriorityClass::kInteractive));
  CHECK(world.tree->isPopulated(run, PriorityClass::kBackground).value());
  // Twice within three seconds, whatever became of the first one meanwhile.
  for (const int value : {1, 0, 1}) {
    keyboards.key(1, KEY_F13, value);
    ::usleep(60'000);
  }
  CHECK(eventually([&] { return !world.tree->isPopulated(run, PriorityClass::kBackground).value(); }));
  CHECK(eventually([&] { return !world.tree->isPopulated(other, PriorityClass::kInteractive).value(); }));
}

TEST_CASE("a button that is found pressed stops and never kills, however often it is plugged in") {
  Keyboards keyboards;
  StopWorld world;
  const RunId run = world.addRun();
  world.addSleepers(run, 1);
  const StopByKeys program(world, keyboards);
  keyboards.plug(1, "1234:abcd 183!");
  REQUIRE(eventually([&] { return isLatchedBy(world, "keys: button 1234:abcd f13"); }));
  for (int again = 0; again < 3; ++again) {
    keyboards.key(1, KEY_F13, 2);  // waits until the watcher has it open
    keyboards.unplug(1);
    keyboards.plug(1, "1234:abcd 183!");
  }
  keyboards.key(1, KEY_F13, 2);
  CHECK(world.isToldToFreeze({}));
  CHECK(world.tree->isPopulated(run, PriorityClass::kBackground).value());
}
