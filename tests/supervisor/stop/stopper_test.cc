// The stop itself, over real control groups.
#include "supervisor/stop/stopper.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tests/supervisor/stop/held_call.h"
#include "tests/supervisor/stop/stop_world.h"

using namespace ringfence;
using namespace ringfence::test;
using namespace std::chrono_literals;

namespace {

Trigger asked() { return {.text = TriggerText("asked"), .uid = 0}; }
Trigger pressed() { return {.text = TriggerText("a key"), .press = Trigger::Press::kMayKill}; }

const RunEvidence* evidenceOf(const Receipt& receipt, const RunId& run) {
  for (std::size_t i = 0; i < receipt.evidence.listed; ++i) {
    if (receipt.evidence.list[i].run.view() == run.text()) return &receipt.evidence.list[i];
  }
  return nullptr;
}

// A page that is there when somebody gives it: until then a write of it does not come back, whatever signal comes.
void writeMissingPage(std::atomic<std::uint64_t>& listener, std::atomic<std::uint64_t>& page, int pipe,
                      std::atomic<std::uint64_t>& done) {
  const int faults = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
  uffdio_api api{};
  api.api = UFFD_API;
  void* const area = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uffdio_register range{};
  range.range = {reinterpret_cast<std::uintptr_t>(area), 4096};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (faults < 0 || ioctl(faults, UFFDIO_API, &api) != 0 || ioctl(faults, UFFDIO_REGISTER, &range) != 0) _exit(1);
  listener = static_cast<std::uint64_t>(faults);
  page = range.range.start;
  if (write(pipe, area, 1) != 1) _exit(1);
  ++done;
}

UniqueFd takeDescriptor(pid_t from, int fd) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, from, 0)));
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
}

std::string sharesOf(const StopWorld& world, const std::string& branch) {
  const auto& processor = world.features.controllers.at("cpu");
  const std::string group = processor.mountPoint + "/" + world.name + branch;
  return readFileAt(AT_FDCWD, group + (processor.version == 1 ? "/cpu.shares" : "/cpu.weight"), kibibytes(1)).value();
}

std::string wchanOf(pid_t pid) {
  return readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/wchan", kibibytes(1)).value_or("");
}

}  // namespace

TEST_CASE("a stop freezes both branches, counts who is in them, and is on the disk") {
  StopWorld world;
  const RunId back = world.addRun(), front = world.addRun(PriorityClass::kInteractive);
  world.addSleepers(back, 5);
  for (int i = 0; i < 3; ++i)
    world.add(
        front, [] {}, PriorityClass::kInteractive);
  const auto stopper = world.stopper();
  CHECK_FALSE(stopper->isLatched());
  stopper->stop({.text = TriggerText("asked: enough"), .uid = 1000});
  CHECK(stopper->isLatched());
  CHECK(readLatch(world.state.path()).isLatched());
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.runs == 2);
  CHECK(receipt.stop.processes == 8);
  CHECK(receipt.stop.frozen == 8);
  CHECK(receipt.stop.tookUsec >= receipt.stop.writeUsec);
  CHECK(receipt.latchProblem == 0);
  CHECK_FALSE(receipt.isRepeated);
  REQUIRE(evidenceOf(receipt, back) != nullptr);
  CHECK(evidenceOf(receipt, back)->frozen == 5);
  REQUIRE(evidenceOf(receipt, front) != nullptr);
  CHECK(evidenceOf(receipt, front)->frozen == 3);
  CHECK(world.isToldToFreeze({}));
  CHECK(world.isToldToFreeze({}, PriorityClass::kInteractive));
  const LatchReading latch = readLatch(world.state.path());
  CHECK(latch.state == LatchState::kLatched);
  CHECK(latch.stop == receipt.stop);
}

TEST_CASE("whoever computes does not from a verified stop on until its run is resumed") {
  StopWorld world;
  const SharedCounter counter;
  const RunId run = world.addRun();
  for (int i = 0; i < 8; ++i) {
    world.add(run, [&] {
      for (;;) ++counter.value();
    });
  }
  REQUIRE(eventually([&] { return counter.value() > 1000; }));
  const auto stopper = world.stopper();
  stopper->stop(asked());
  CHECK(StopWorld::readBack(*stopper).stop.isVerified);
  const std::uint64_t stopped = counter.value();
  // Re-arming freezes each run by itself before the branch is thawed, and resumes nothing.
  REQUIRE(stopper->release());
  CHECK_FALSE(stopper->isLatched());
  CHECK_FALSE(readLatch(world.state.path()).isLatched());
  CHECK(world.isToldToFreeze(run));
  CHECK_FALSE(world.isToldToFreeze({}));
  CHECK(world.tree->isFrozen(run, PriorityClass::kBackground).value());
  CHECK(counter.value() == stopped);
  REQUIRE(world.tree->thaw(run, PriorityClass::kBackground));
  CHECK(eventually([&] { return counter.value() > stopped; }));
}

TEST_CASE("a process that waits for an answer is held, and that counts as stopped") {
  StopWorld world;
  const SharedCounter taken;
  const RunId asking = world.addRun(), other = world.addRun();
  world.add(asking, [&] { waitInTakenCall(taken.value()); });
  world.addSleepers(other, 2);
  REQUIRE(eventually([&] { return taken.value() == 1; }));
  const auto stopper = world.stopper();
  stopper->stop(asked());
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.held == 1);
  CHECK(receipt.stop.frozen == 3);
  CHECK(receipt.stop.finishing == 0);
  REQUIRE(evidenceOf(receipt, asking) != nullptr);
  CHECK(evidenceOf(receipt, asking)->held == 1);
  CHECK(evidenceOf(receipt, asking)->frozen == 1);
  CHECK(evidenceOf(receipt, other)->frozen == 2);
}

TEST_CASE("between two looks it leaves at least 300 microseconds to those that must run to stop") {
  StopWorld world;
  SharedCounter taken;
  world.add(world.addRun(), [&] { waitInTakenCall(taken.value()); });
  REQUIRE(eventually([&] { return taken.value() == 1; }));
  const auto stopper = world.stopper();
  stopper->stop(asked());
  int looks = 0;
  // Somebody who waits in a call is looked at more than once.
  for (auto due = stopper->nextLook(); due; due = stopper->nextLook()) {
    const Microseconds left = std::max(*due - world.clock.now().monotonic, Microseconds{0});
    std::this_thread::sleep_for(left);
    const Microseconds before = world.clock.now().monotonic;
    const auto next = stopper->advance();
    if (next) CHECK(*next - before >= kPause);
    ++looks;
  }
  CHECK(looks >= 2);
}

TEST_CASE("a process inside a call that does not end is finishing, and the stop is verified when it is over") {
  StopWorld world;
  const SharedCounter listener, page, done;
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const RunId run = world.addRun();
  world.addSleepers(run, 2);
  const pid_t child = world.add(run, [&] { writeMissingPage(listener.value(), page.value(), ends[1], done.value()); });
  REQUIRE(eventually([&] { return page.value() != 0; }));
  REQUIRE(eventually([&] { return wchanOf(child).starts_with("handle_userfault"); }));
  const UniqueFd faults = takeDescriptor(child, static_cast<int>(listener.value()));
  REQUIRE(faults);
  const auto stopper = world.stopper();
  stopper->stop(asked());
  REQUIRE(eventually([&] {
    (void)stopper->advance();
    return stopper->receipt().evidence.finishing == 1 && stopper->receipt().evidence.frozen == 2;
  }));
  CHECK(stopper->isReading());
  uffdio_zeropage zero{};
  zero.range = {page.value(), 4096};
  REQUIRE(ioctl(faults.get(), UFFDIO_ZEROPAGE, &zero) == 0);
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.frozen == 3);
  char byte = 'x';
  CHECK(read(ends[0], &byte, 1) == 1);  // What it had begun is done,
  CHECK(done.value() == 0);             // and nothing after it.
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("processes that a signal or a tracer stopped, and who waits for a child of vfork, count as frozen") {
  StopWorld world;
  const SharedCounter ready, taken;
  const RunId run = world.addRun();
  const pid_t stopped = world.add(run, [] { raise(SIGSTOP); });
  const pid_t parent = world.add(run, [&] {
    if (vfork() == 0) {
      ++ready.value();
      for (;;) pause();
    }
  });
  world.add(run, [&] { waitInTakenCall(taken.value()); });  // So that the kernel does not say it of the whole group.
  REQUIRE(eventually([&] { return ready.value() == 1 && taken.value() == 1; }));
  REQUIRE(eventually(
      [&] { return wchanOf(stopped).find("stop") != std::string::npos || wchanOf(stopped) == "get_signal"; }));
  INFO("in vfork: " << wchanOf(parent) << ", stopped: " << wchanOf(stopped));
  const auto stopper = world.stopper();
  stopper->stop(asked());
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.held == 1);
  CHECK(receipt.stop.frozen == 4);
}

TEST_CASE("a fork bomb at its limit is stopped, and killed to the last process") {
  StopWorld world;
  sandbox::ResourceLimits limits;
  limits.pids = 200;
  const RunId run = world.addRun(PriorityClass::kBackground, limits);
  const SharedCounter forks;
  world.add(run, [&] {
    for (;;) {
      if (fork() >= 0) ++forks.value();
    }
  });
  REQUIRE(eventually([&] { return forks.value() >= 199; }));
  const auto stopper = world.stopper();
  stopper->stop(asked());
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.processes == 200);
  const std::uint64_t then = forks.value();
  stopper->kill(asked());
  CHECK(StopWorld::readBack(*stopper).stop.isKilled);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.processes == 200);
  CHECK(receipt.stop.finishing == 0);
  CHECK(receipt.evidence.listed == 0);
  CHECK(receipt.isRepeated);
  CHECK(forks.value() == then);
  CHECK_FALSE(world.tree->isPopulated(run, PriorityClass::kBackground).value());
  CHECK(readLatch(world.state.path()).stop.isKilled);
}

TEST_CASE("the second press within three seconds kills, a second request of somebody who may not does not") {
  StopWorld world;
  const RunId run = world.addRun();
  world.addSleepers(run, 3);
  const auto stopper = world.stopper();
  SECTION("two presses") {
    stopper->stop(pressed());
    CHECK_FALSE(StopWorld::readBack(*stopper).stop.isKilled);
    stopper->stop(pressed());
    CHECK(StopWorld::readBack(*stopper).stop.isKilled);
    CHECK_FALSE(world.tree->isPopulated(run, PriorityClass::kBackground).value());
  }
  SECTION("two presses while the first is still being read back: one stop that killed") {
    stopper->stop(pressed());
    stopper->stop(pressed());
    const Receipt& receipt = StopWorld::readBack(*stopper);
    CHECK(receipt.stop.isKilled);
    CHECK_FALSE(receipt.isRepeated);
    CHECK(receipt.stop.processes == 3);
    CHECK(readLatch(world.state.path()).stop == receipt.stop);
  }
  SECTION("a request and a press, in any order") {
    stopper->stop(asked());
    stopper->stop(pressed());
    stopper->stop(asked());
    CHECK_FALSE(StopWorld::readBack(*stopper).stop.isKilled);
    CHECK(world.tree->isPopulated(run, PriorityClass::kBackground).value());
  }
  SECTION("two people who press once each, or a key and a command, end nothing; the one who presses again does") {
    const auto pressedBy = [](std::uint32_t uid) {
      return Trigger{.text = TriggerText("asked"), .uid = uid, .press = Trigger::Press::kMayKill};
    };
    stopper->stop(pressedBy(30001));
    stopper->stop(pressedBy(30002));
    stopper->stop(pressed());
    CHECK_FALSE(StopWorld::readBack(*stopper).stop.isKilled);
    CHECK(world.tree->isPopulated(run, PriorityClass::kBackground).value());
    stopper->stop(pressedBy(30001));
    CHECK(StopWorld::readBack(*stopper).stop.isKilled);
  }
  SECTION("a press before a release is none after it") {
    stopper->stop(pressed());
    StopWorld::readBack(*stopper);
    REQUIRE(stopper->release());
    stopper->stop(pressed());
    CHECK_FALSE(StopWorld::readBack(*stopper).stop.isKilled);
    CHECK(world.tree->isPopulated(run, PriorityClass::kBackground).value());
  }
}

TEST_CASE("a stop of what is stopped looks again and leaves the latch as the first one made it") {
  StopWorld world;
  world.addSleepers(world.addRun(), 2);
  const auto stopper = world.stopper();
  stopper->stop({.text = TriggerText("asked: first"), .uid = 7});
  StopWorld::readBack(*stopper);
  const StopRecord first = stopper->latched();
  stopper->stop({.text = TriggerText("asked: second"), .uid = 8});
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.isRepeated);
  CHECK(receipt.stop.uid == 8);
  CHECK(receipt.stop.processes == 2);
  CHECK(stopper->latched() == first);
  CHECK(readLatch(world.state.path()).stop == first);
}

TEST_CASE("what was latched is frozen again by the next start, also groups that were made since") {
  StopWorld world;
  {
    const auto stopper = world.stopper();
    stopper->stop(asked());
    StopWorld::readBack(*stopper);
  }
  // As after a reboot: the groups are made anew, and the disk is what remembers.
  REQUIRE(world.tree->removeBranches());
  world.tree = std::make_unique<CgroupTree>(
      CgroupTree::open(world.features, world.name, UniqueFd(dup(world.root.get()))).value());
  CHECK_FALSE(world.isToldToFreeze({}));
  const auto stopper = world.stopper();
  CHECK(stopper->isLatched());
  CHECK(stopper->latched().trigger.view() == "asked");
  CHECK(world.isToldToFreeze({}));
  CHECK(world.isToldToFreeze({}, PriorityClass::kInteractive));
}

TEST_CASE("agents found frozen were stopped by one that died before the latch: it is latched") {
  StopWorld world;
  world.addSleepers(world.addRun(), 2);
  const std::string branch = world.features.unifiedMount + "/" + world.name + "-background/cgroup.freeze";
  REQUIRE(writeFileAt(AT_FDCWD, branch, "1"));
  const auto stopper = world.stopper();
  CHECK(stopper->isLatched());
  CHECK(readLatch(world.state.path()).isLatched());
  CHECK(StopWorld::readBack(*stopper).stop.processes == 2);
  CHECK(world.isToldToFreeze({}, PriorityClass::kInteractive));
}

TEST_CASE("a damaged latch stops everything until it is released") {
  StopWorld world;
  const RunId run = world.addRun();
  world.addSleepers(run, 1);
  world.state.write("latch", "no latch");
  const auto stopper = world.stopper();
  CHECK(stopper->isLatched());
  CHECK(stopper->latched().trigger.view() == "the latch cannot be read");
  CHECK(world.isToldToFreeze({}));
  REQUIRE(stopper->release());
  CHECK(readLatch(world.state.path()).state == LatchState::kReleased);
  CHECK(world.isToldToFreeze(run));
  CHECK_FALSE(world.isToldToFreeze({}));
}

TEST_CASE("a latch that cannot be written is told, and the stop holds all the same") {
  StopWorld world;
  world.state.makeDirectory("latch");
  const auto stopper = world.stopper();
  CHECK(stopper->isLatched());
  world.addSleepers(world.addRun(), 1);
  stopper->stop(asked());
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.latchProblem != 0);
  const auto released = stopper->release();
  REQUIRE_FALSE(released);
  CHECK(released.error().message.find("everything stays stopped") != std::string::npos);
  CHECK(stopper->isLatched());
  CHECK(world.isToldToFreeze({}));
}

TEST_CASE("a branch that was removed and made anew is frozen too") {
  StopWorld world;
  const auto stopper = world.stopper();
  REQUIRE(world.tree->removeBranches());
  world.tree = std::make_unique<CgroupTree>(
      CgroupTree::open(world.features, world.name, UniqueFd(dup(world.root.get()))).value());
  world.addSleepers(world.addRun(), 2);
  stopper->stop(asked());
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.freezeProblem == 0);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.processes == 2);
  CHECK(world.isToldToFreeze({}));
}

TEST_CASE("who was told apart from the runs, in the branch itself, is stopped and counted under its name") {
  StopWorld world;
  const pid_t stray = fork();
  if (stray == 0) {
    for (;;) pause();
  }
  const std::string branch = world.features.unifiedMount + "/" + world.name + "-interactive";
  const auto moved = writeFileAt(AT_FDCWD, branch + "/cgroup.procs", std::to_string(stray));
  if (!moved) {  // Where the branch has controllers of this hierarchy, nobody can be in it.
    CHECK(world.features.layout == sandbox::CgroupLayout::kUnified);
    kill(stray, SIGKILL);
    waitpid(stray, nullptr, 0);
    return;
  }
  const auto stopper = world.stopper();
  stopper->stop(asked());
  const Receipt& receipt = StopWorld::readBack(*stopper);
  CHECK(receipt.stop.isVerified);
  CHECK(receipt.stop.processes == 1);
  REQUIRE(receipt.evidence.listed == 1);
  CHECK(receipt.evidence.list[0].run.view().starts_with(world.name.substr(0, 20)));
  kill(stray, SIGKILL);
  waitpid(stray, nullptr, 0);
}

TEST_CASE("a run is told to be of the user whose processes are in it") {
  StopWorld world;
  const RunId run = world.addRun();
  const SharedCounter ready;
  world.add(run, [&] {
    if (setuid(54321) != 0) _exit(1);
    ++ready.value();
  });
  REQUIRE(eventually([&] { return ready.value() == 1; }));
  const auto stopper = world.stopper();
  stopper->stop(asked());
  const Receipt& receipt = StopWorld::readBack(*stopper);
  REQUIRE(receipt.evidence.listed == 1);
  CHECK(stopper->kernel().isOf(receipt.evidence.list[0], 54321));
  CHECK_FALSE(stopper->kernel().isOf(receipt.evidence.list[0], 0));
}

TEST_CASE("the branches have the processor while they are stopped, and their usual shares afterwards") {
  StopWorld world;
  if (world.tree->placement() != CgroupTree::Placement::kIdle) SKIP("no group is idle on this kernel");
  const std::string usual = sharesOf(world, "-interactive");
  const std::string most = usual == "1024\n" ? "262144\n" : "10000\n";
  world.addSleepers(world.addRun(), 2);
  const auto stopper = world.stopper();
  stopper->stop(asked());
  CHECK(world.tree->placement() == CgroupTree::Placement::kUnprotected);
  CHECK(sharesOf(world, "-interactive") == most);
  CHECK(sharesOf(world, "-background") == most);
  StopWorld::readBack(*stopper);
  CHECK(world.tree->placement() == CgroupTree::Placement::kIdle);
  CHECK(sharesOf(world, "-interactive") == usual);
  stopper->kill(asked());
  StopWorld::readBack(*stopper);
  CHECK(world.tree->placement() == CgroupTree::Placement::kIdle);

  // Also where somebody died in between.
  stopper->stop(asked());
  const auto next = world.stopper();
  REQUIRE(next->isLatched());
  CHECK(world.tree->placement() == CgroupTree::Placement::kUnprotected);
  REQUIRE(next->release());
  CHECK(world.tree->placement() == CgroupTree::Placement::kIdle);
}
