// The end of the own runs, for whoever may not end those of others; over real control groups.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/supervisor/stop/held_call.h"
#include "tests/supervisor/stop/stop_program.h"

using namespace ringfence;
using namespace ringfence::test;

namespace {

Trigger askedBy(std::uint32_t uid) { return {.text = TriggerText("asked"), .uid = uid}; }

const OwnKill& killOf(const Receipt& receipt, std::uint32_t uid) {
  REQUIRE(receipt.own.find(uid) != nullptr);
  return *receipt.own.find(uid);
}

// Looks until somebody is about to be ended.
Stopper::Kill untilKill(Stopper& stopper) {
  std::optional<Stopper::Kill> kill;
  REQUIRE(eventually([&] { return (kill = stopper.nextKill()) || !stopper.advance(); }));
  REQUIRE(kill);
  return *kill;
}

// A v1 freezer keeps whoever is in it from dying.
class Undying {
 public:
  explicit Undying(const std::string& name) : group_("/sys/fs/cgroup/freezer/" + name) {
    isThere_ = mkdir(group_.c_str(), 0755) == 0;
  }
  ~Undying() {
    if (!isThere_) return;
    (void)writeFileAt(AT_FDCWD, group_ + "/freezer.state", "THAWED");
    CHECK(eventually([&] { return rmdir(group_.c_str()) == 0; }));
  }
  Undying(const Undying&) = delete;
  Undying& operator=(const Undying&) = delete;
  bool isThere() const { return isThere_; }
  void add(pid_t pid) const {
    REQUIRE(writeFileAt(AT_FDCWD, group_ + "/cgroup.procs", std::to_string(pid)));
    REQUIRE(writeFileAt(AT_FDCWD, group_ + "/freezer.state", "FROZEN"));
    REQUIRE(eventually(
        [&] { return readFileAt(AT_FDCWD, group_ + "/freezer.state", kibibytes(1)).value() == "FROZEN\n"; }));
  }

 private:
  std::string group_;
  bool isThere_;
};

}  // namespace

TEST_CASE("who ends the own runs ends those of both classes, and the others stay frozen") {
  StopWorld world;
  constexpr auto kFront = PriorityClass::kInteractive;
  const RunId back = world.addRunOf(kSomebody, 3), front = world.addRunOf(kSomebody, 2, kFront);
  const RunId other = world.addRunOf(kOther, 4), roots = world.addRunOf(0, 1);
  const auto stopper = world.stopper();
  CHECK(stopper->killOwn(askedBy(kSomebody)));
  CHECK(stopper->isLatched());
  CHECK(world.isToldToFreeze({}));
  CHECK(world.hasSomebody(back));  // Frozen first, and ended by the looks that follow.
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK_FALSE(world.hasSomebody(back));
  CHECK_FALSE(world.hasSomebody(front, kFront));
  CHECK(world.tree->isFrozen(other, PriorityClass::kBackground, Leaf::kAgent).value());
  CHECK(world.hasSomebody(other));
  CHECK(world.hasSomebody(roots));
  CHECK(receipt.stop.isVerified);
  CHECK_FALSE(receipt.stop.isKilled);
  CHECK(receipt.stop.runs == 4);
  CHECK(receipt.stop.processes == 10);
  CHECK(receipt.stop.frozen == 5);
  CHECK(receipt.kept == 2);
  CHECK(killOf(receipt, kSomebody).runs == 2);
  CHECK(killOf(receipt, kSomebody).processes == 5);
  CHECK(killOf(receipt, kSomebody).left == 0);
  const StopRecord latch = readLatch(world.state.path()).stop;
  CHECK(latch == receipt.stop);
  CHECK(latch.killedRuns(kSomebody) == 2);
  CHECK_FALSE(latch.isKilled);
}

TEST_CASE("two people end their own while a stop of a third is read back: it is one stop, and each ends their own") {
  StopWorld world;
  const SharedCounter taken;
  const RunId first = world.addRunOf(kSomebody, 1), second = world.addRunOf(kOther, 2);
  const RunId third = world.addRunOf(1000, 1);
  world.add(third, [&] { waitInTakenCall(taken.value()); });  // So that it takes more than one look.
  REQUIRE(eventually([&] { return taken.value() == 1; }));
  const auto stopper = world.stopper();
  stopper->stop(askedBy(1000));
  (void)stopper->advance();
  REQUIRE(stopper->isReading());
  CHECK(stopper->killOwn(askedBy(kSomebody)));
  CHECK(stopper->killOwn(askedBy(kOther)));
  CHECK(stopper->killOwn(askedBy(kOther)));
  CHECK(stopper->killOwn(askedBy(4711)));  // Has nothing here.
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK_FALSE(receipt.isRepeated);
  CHECK(receipt.stop.uid == 1000);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.runs == 3);
  CHECK(receipt.own.size() == 2);
  CHECK(killOf(receipt, kOther).processes == 2);
  CHECK_FALSE(world.hasSomebody(first));
  CHECK_FALSE(world.hasSomebody(second));
  CHECK(world.hasSomebody(third));
  CHECK(readLatch(world.state.path()).stop.killedRuns() == 2);
}

TEST_CASE("what was stopped before is ended later, and the latch says of the first stop whose was") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 2), other = world.addRunOf(kOther, 1);
  const auto stopper = world.stopper();
  stopper->stop(askedBy(kOther));
  StopWorld::readBack(*stopper);
  CHECK(stopper->killOwn(askedBy(kSomebody)));
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.isRepeated);
  CHECK(receipt.stop.uid == kSomebody);
  CHECK(receipt.stop.runs == 2);
  CHECK_FALSE(world.hasSomebody(own));
  CHECK(world.hasSomebody(other));
  const StopRecord latch = readLatch(world.state.path()).stop;
  CHECK(latch.uid == kOther);
  CHECK(latch.killedRuns(kSomebody) == 1);
  // Somebody who may ends the rest: all that the stop met was met by it.
  stopper->kill(askedBy(0));
  CHECK(StopWorld::readBack(*stopper).stop.isKilled);
  CHECK_FALSE(world.hasSomebody(other));
}

TEST_CASE("an administrator who kills while the own runs of somebody are being ended ends everything, counted once") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 2), other = world.addRunOf(kOther, 1);
  const auto stopper = world.stopper();
  CHECK(stopper->killOwn(askedBy(kSomebody)));
  SECTION("before it was looked whose they are") {}
  SECTION("when these are about to be") { CHECK(untilKill(*stopper).of == kSomebody); }
  SECTION("when these have ended") {
    (void)untilKill(*stopper);
    (void)stopper->advance();
    REQUIRE(eventually([&] { return !world.hasSomebody(own); }));
  }
  stopper->kill(askedBy(0));
  CHECK(stopper->killOwn(askedBy(kSomebody)));  // Theirs are among them.
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.stop.isKilled);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.runs == 2);
  CHECK(receipt.stop.processes == 3);
  CHECK_FALSE(world.hasSomebody(own));
  CHECK_FALSE(world.hasSomebody(other));
}

TEST_CASE("of runs that do not say whose they are, in the kernel's own words, nobody ends any as the own") {
  StopWorld world;
  std::vector<RunId> runs = {world.addRun()};
  // Given away, and not marked; and what its owner took the mark off.
  for (const mode_t mode : {0444, 0400, 0640, 0644, 0777, 0}) {
    runs.push_back(world.addRun());
    const std::string file = world.groupOf(runs.back()) + "/cgroup.stat";
    REQUIRE(chown(file.c_str(), kSomebody, 0) == 0);
    REQUIRE(chmod(file.c_str(), mode) == 0);
  }
  CHECK_FALSE(world.tree->setOwner(runs[0], PriorityClass::kBackground, UINT32_MAX));  // No change, to the kernel.
  // On the leaf it says nothing.
  REQUIRE(chown((world.groupOf(runs[0]) + "/agent/cgroup.stat").c_str(), kSomebody, 0) == 0);
  REQUIRE(chmod((world.groupOf(runs[0]) + "/agent/cgroup.stat").c_str(), 0440) == 0);
  for (const RunId& run : runs) world.addSleepers(run, 1);
  const auto stopper = world.stopper();
  for (const std::uint32_t uid : {std::uint32_t{kSomebody}, UINT32_MAX, std::uint32_t{0}}) {
    CHECK(stopper->killOwn(askedBy(uid)));
    const Receipt& receipt = StopWorld::readBack(*stopper);
    CHECK(receipt.own.empty());
    CHECK(receipt.kept == runs.size());
    CHECK(receipt.evidence.unowned == runs.size());
    CHECK(receipt.stop.isVerified);
  }
  for (const RunId& run : runs) CHECK(world.hasSomebody(run));
}

TEST_CASE("a group that goes, and another one of its name, between being counted and ended, is not ended") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 1);
  const auto stopper = world.stopper();
  CHECK(stopper->killOwn(askedBy(kSomebody)));
  const Stopper::Kill kill = untilKill(*stopper);
  CHECK(kill.by == kSomebody);
  CHECK(kill.of == kSomebody);
  CHECK(kill.text.view() == "asked");
  REQUIRE(world.tree->kill(own, PriorityClass::kBackground));
  REQUIRE(eventually([&] { return world.tree->removeRun(own, PriorityClass::kBackground).has_value(); }));
  REQUIRE(world.tree->createRun(own, PriorityClass::kBackground));
  world.addSleepers(own, 1);
  CHECK(StopWorld::readBack(*stopper).stop.isVerified);
  CHECK(world.hasSomebody(own));  // Nobody has said whose this one is.
  CHECK_FALSE(stopper->nextKill());
}

TEST_CASE("nobody but root can say whose a run is, with a user namespace and control groups of their own neither") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 0), other = world.addRunOf(kOther, 0), unsaid = world.addRun();
  const TempDir place;
  REQUIRE(chmod(place.path().c_str(), 0777) == 0);
  const std::string mounted = place.path() + "/mnt";
  // How many ways there were, and how many of them the kernel let through.
  const SharedCounter tried, done;
  world.add(own, [&] {
    const auto change = [&](const std::string& group) {
      const std::string file = group + "/cgroup.stat";
      for (const uid_t uid : {kOther, kSomebody, uid_t{0}}) {
        tried.value() += 2;
        done.value() += chown(file.c_str(), uid, static_cast<gid_t>(-1)) == 0 ? 1 : 0;
        done.value() += chown(group.c_str(), uid, static_cast<gid_t>(-1)) == 0 ? 1 : 0;
      }
      ++tried.value();
      done.value() += chmod(file.c_str(), 0440) == 0 ? 1 : 0;
    };
    if (setgid(kSomebody) != 0 || setuid(kSomebody) != 0 || mkdir(mounted.c_str(), 0755) != 0) _exit(1);
    const auto changeAll = [&] {
      for (const RunId& run : {other, unsaid}) change(world.groupOf(run));
      ++tried.value();  // One's own, for somebody else.
      done.value() += chown((world.groupOf(own) + "/cgroup.stat").c_str(), kOther, static_cast<gid_t>(-1)) == 0 ? 1 : 0;
    };
    changeAll();
    // Where the machine lets anybody do so; root there, and of the mount it sees its own leaf.
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) == 0) {
      const std::string map = "0 " + std::to_string(kSomebody) + " 1\n";
      (void)writeFileAt(AT_FDCWD, "/proc/self/setgroups", "deny");
      (void)writeFileAt(AT_FDCWD, "/proc/self/gid_map", map);
      (void)writeFileAt(AT_FDCWD, "/proc/self/uid_map", map);
      changeAll();
      if (mount("none", mounted.c_str(), "cgroup2", 0, nullptr) == 0) change(mounted);
    }
    tried.value() += 1000;
  });
  REQUIRE(eventually([&] { return tried.value() > 1000; }));
  CHECK(done.value() == 0);
  world.add(unsaid, [] {});
  world.addSleepers(other, 1);
  const auto stopper = world.stopper();
  CHECK(stopper->killOwn(askedBy(kOther)));
  StopWorld::readBack(*stopper);
  CHECK(world.hasSomebody(own));
  CHECK(world.hasSomebody(unsaid));
  CHECK_FALSE(world.hasSomebody(other));
}

TEST_CASE("who owns a run can take off the mark that says so, and neither write to that file nor give it away") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 1);
  const SharedCounter refused;
  world.add(own, [&] {
    const std::string file = world.groupOf(own) + "/cgroup.stat";
    if (setgid(kSomebody) != 0 || setuid(kSomebody) != 0 || chmod(file.c_str(), 0666) != 0) _exit(1);
    refused.value() += write(open(file.c_str(), O_WRONLY | O_CLOEXEC), "1", 1) < 0 ? 1 : 0;
    refused.value() += chown(file.c_str(), kOther, static_cast<gid_t>(-1)) != 0 ? 1 : 0;
    refused.value() += unlink(file.c_str()) != 0 ? 1 : 0;
  });
  REQUIRE(eventually([&] { return refused.value() == 3; }));
  const auto stopper = world.stopper();
  for (const std::uint32_t uid : {std::uint32_t{kSomebody}, std::uint32_t{kOther}})
    CHECK(stopper->killOwn(askedBy(uid)));
  CHECK(StopWorld::readBack(*stopper).evidence.unowned == 1);
  CHECK(world.hasSomebody(own));
}

TEST_CASE("whoever does not die is told after two seconds, and it is not verified") {
  StopWorld world;
  const Undying freezer(world.name);
  if (!freezer.isThere()) return;  // There is no v1 freezer where all is in one hierarchy.
  const RunId own = world.addRunOf(kSomebody, 1), other = world.addRunOf(kOther, 1);
  freezer.add(world.children.at(0));
  const auto stopper = world.stopper();
  const Microseconds begun = world.clock.now().monotonic;
  CHECK(stopper->killOwn(askedBy(kSomebody)));
  const Receipt& receipt = StopWorld::readBack(*stopper);
  const Microseconds took = world.clock.now().monotonic - begun;
  CHECK(took >= kMaxKillTime);
  CHECK(took < kMaxReadingTime + kMaxKillTime);
  CHECK(world.hasSomebody(own));
  CHECK(killOf(receipt, kSomebody).runs == 1);
  CHECK(killOf(receipt, kSomebody).left == 1);
  CHECK_FALSE(receipt.stop.isVerified);
  CHECK(receipt.stop.finishing == 1);
  CHECK(receipt.stop.frozen == 1);
  CHECK(receipt.stop.runs == 2);
  CHECK(receipt.kept == 1);
  CHECK(world.hasSomebody(other));
}

TEST_CASE("as many as want it end their own, and who has nothing here takes no room from those who have") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 1);
  const auto stopper = world.stopper();
  for (std::uint32_t uid = 1; uid <= 3 * kMaxOwnKills; ++uid) CHECK(stopper->killOwn(askedBy(100'000 + uid)));
  CHECK(stopper->killOwn(askedBy(kSomebody)));
  CHECK(StopWorld::readBack(*stopper).own.size() == 1);
  CHECK_FALSE(world.hasSomebody(own));
}

// ---- on the socket

TEST_CASE("on the socket whoever asks ends the own runs alone, is told how many, and why not the others") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 2), other = world.addRunOf(kOther, 3);
  StopProgram program(world);
  const Connection daemon(program.runDirectory());
  REQUIRE(has(daemon.ask("daemon 60"), "status"));
  const std::string answer = program.askAs(kSomebody, {}, "kill it is mine");
  INFO(answer);
  CHECK(has(answer, R"("kill_refused":"killing runs of others needs an administrator (root, or a member of )"));
  CHECK(has(answer, R"(yours were killed, the others stay frozen")"));
  CHECK(has(answer, R"("by":54321,"trigger":"asked: it is mine","runs":2,"processes":5,"frozen":3,)"));
  CHECK(has(answer, R"("verified":true,"killed":false,"latched":true)"));
  CHECK(has(answer, R"("killed_runs":1,"killed_left":0)"));
  CHECK_FALSE(has(answer, "killed_of"));
  CHECK_FALSE(has(answer, other.text()));
  CHECK_FALSE(world.hasSomebody(own));
  CHECK(world.hasSomebody(other));
  CHECK(has(program.askAs(kSomebody, {}, "status"), R"("killed":false,"killed_runs":1)"));
  CHECK(has(program.askAs(kOther, {}, "status"), R"("killed":false,"killed_runs":0)"));

  // The daemon hears whose doing it is before anybody ends, and what became of it when that was read.
  CHECK(daemon.receive() == R"({"event":"killing","by":54321,"trigger":"asked: it is mine","of":54321})");
  const std::string event = daemon.receive();
  INFO(event);
  CHECK(has(event, R"({"event":"stopped","at":)"));
  CHECK(has(event, R"("killed":false)"));
  CHECK(has(event, R"("killed_runs":1,"killed_left":0,"killed_of":[54321])"));

  // Whose are all that are left is refused nothing.
  const std::string rest = program.askAs(kOther, {}, "kill");
  INFO(rest);
  CHECK_FALSE(has(rest, "kill_refused"));
  CHECK(has(rest, R"("killed":true)"));
  CHECK(has(rest, R"("killed_runs":1,"killed_left":0)"));
  CHECK_FALSE(world.hasSomebody(other));
  CHECK(has(daemon.receive(), R"("event":"killing","by":54322)"));
  CHECK(has(daemon.receive(), R"("killed":false)"));  // Only by whoever owned them: it ends nobody else.
  // Where nobody is left there is nothing to refuse either.
  CHECK(has(program.askAs(kSomebody, {}, "kill"), R"("killed":true)"));
  CHECK(has(program.ask("status"), R"("killed":true,"killed_runs":2)"));
}

TEST_CASE("on the socket the second time within three seconds ends the own runs, whatever others do in between") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 1), other = world.addRunOf(kOther, 1);
  StopProgram program(world);
  SECTION("pressed twice") {
    CHECK(has(program.askAs(kSomebody, {}, "stop"), R"("killed_runs":0)"));
    CHECK(has(program.askAs(kOther, {}, "stop"), R"("killed_runs":0)"));
    CHECK(world.hasSomebody(own));
    const std::string second = program.askAs(kSomebody, {}, "stop");
    INFO(second);
    CHECK(has(second, R"("killed_runs":1)"));
    CHECK(has(second, "yours were killed, the others stay frozen"));
    CHECK_FALSE(world.hasSomebody(own));
    CHECK(world.hasSomebody(other));
  }
  SECTION("a press before a release is none after it") {
    REQUIRE(has(program.askAs(kSomebody, {}, "stop"), R"("latched":true)"));
    REQUIRE(program.ask("release") == R"({"released":true})");
    CHECK(has(program.askAs(kSomebody, {}, "stop"), R"("killed_runs":0)"));
    CHECK(world.hasSomebody(own));
  }
  SECTION("who has nothing here and presses twice is told of no refusal") {
    REQUIRE(has(program.askAs(4711, {}, "stop"), R"("latched":true)"));
    CHECK_FALSE(has(program.askAs(4711, {}, "stop"), "kill_refused"));
    CHECK(world.hasSomebody(own));
  }
}

TEST_CASE("who asks from inside a run freezes everything and ends nothing, also of the same user") {
  StopWorld world;
  const RunId own = world.addRunOf(kSomebody, 1), sibling = world.addRunOf(kSomebody, 1);
  StopProgram program(world);
  world.add(own, [&] {
    if (setuid(kSomebody) == 0) (void)Connection(program.runDirectory()).ask("kill");
  });
  REQUIRE(eventually([&] { return world.isToldToFreeze({}); }));
  CHECK(has(program.ask("stop"), R"("killed_runs":0)"));
  CHECK(world.hasSomebody(own));
  CHECK(world.hasSomebody(sibling));
}
