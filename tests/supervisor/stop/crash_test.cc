// ringfence-stop killed at each of its system calls, in the middle of a stop and of a release; and a disk without room.
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>

#include <cstdlib>

#include "tests/supervisor/stop/stop_world.h"

using namespace ringfence;
using namespace ringfence::test;

namespace {

void nap() {
  const timespec pause{.tv_sec = 0, .tv_nsec = 300'000};
  nanosleep(&pause, nullptr);
}

// A machine that is emulated kills as often as it is told to, and at fewer places: RINGFENCE_KILLS.
int everyNth() {
  const char* const kills = std::getenv("RINGFENCE_KILLS");
  const int wanted = kills != nullptr ? std::atoi(kills) : 0;
  return wanted > 0 && wanted < 100 ? 300 / wanted : 1;
}

// All that the program does for a stop and a release.
void stopAndRelease(const StopWorld& world) {
  const auto stopper = world.stopper();
  stopper->stop({.text = TriggerText("asked"), .uid = 0});
  while (stopper->advance()) nap();
  if (!stopper->release()) _exit(1);
}

// Killed before its system call number `calls`; false: it ended before, and well.
bool isKilledAfter(const StopWorld& world, int calls) {
  const pid_t child = fork();
  if (child == 0) {
    (void)ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    stopAndRelease(world);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  for (int i = 0; i < calls; ++i) {  // Two stops a call: before it and after it.
    REQUIRE(ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) {
      REQUIRE(WEXITSTATUS(status) == 0);
      return false;
    }
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return true;
}

}  // namespace

TEST_CASE("whenever ringfence-stop is killed, what it had stopped stays stopped until a person resumes it") {
  StopWorld world;
  const RunId run = world.addRun();
  world.addSleepers(run, 2);
  bool hasBegun = false, isOver = false;
  int kills = 0, latched = 0, released = 0;
  const int step = everyNth();
  for (int calls = 1; !isOver; calls += step) {
    INFO("killed after " << calls << " halves of system calls");
    isOver = !isKilledAfter(world, calls);
    kills += isOver ? 0 : 1;
    const bool isFrozen = world.isToldToFreeze({}) || world.isToldToFreeze({}, PriorityClass::kInteractive);
    const bool isOnDisk = readLatch(world.state.path()).isLatched();
    hasBegun = hasBegun || isFrozen;
    // Frozen as a whole, or by itself, or held by the disk for the next start: never nothing of it.
    if (hasBegun) CHECK((isFrozen || isOnDisk || world.isToldToFreeze(run)));
    if (isOver) CHECK((!isFrozen && !isOnDisk && world.isToldToFreeze(run)));
    const auto next = world.stopper();
    CHECK(next->isLatched() == (isFrozen || isOnDisk));
    if (next->isLatched()) {
      ++latched;
      CHECK(world.isToldToFreeze({}));
      CHECK(world.isToldToFreeze({}, PriorityClass::kInteractive));
      CHECK(readLatch(world.state.path()).isLatched());
      StopWorld::readBack(*next);
      REQUIRE(next->release());
    } else if (hasBegun) {
      ++released;
      CHECK(world.isToldToFreeze(run));
    }
    REQUIRE(world.tree->thaw(run, PriorityClass::kBackground));
  }
  WARN(kills << " kills: " << latched << " left it latched, " << released << " released");
  CHECK(kills > 50 / step);
  CHECK(latched > 10 / step);
  CHECK((released > 0 || step > 1));
}

TEST_CASE("a stop is latched on a disk that is full") {
  StopWorld world;
  const TempDir place;
  REQUIRE(unshare(CLONE_NEWNS) == 0);
  REQUIRE(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  REQUIRE(mount("tmpfs", place.path().c_str(), "tmpfs", 0, "size=64k") == 0);
  {
    world.addSleepers(world.addRun(), 1);
    Stopper stopper(Branches::open(Branches::findMounts().value(), world.name).value(),
                    LatchFile::open(place.path()).value(), EvidenceReader::open().value(), world.clock);
    stopper.begin();
    const UniqueFd filler = openAt(AT_FDCWD, place.path() + "/filler", O_WRONLY | O_CREAT, 0600).value();
    const std::string block(4096, 'x');
    while (write(filler.get(), block.data(), block.size()) > 0) {}
    CHECK(errno == ENOSPC);
    stopper.stop({.text = TriggerText("asked")});
    const Receipt& receipt = StopWorld::readBack(stopper);
    CHECK(receipt.latchProblem == 0);
    CHECK(readLatch(place.path()).stop == receipt.stop);
    CHECK(stopper.release());
    CHECK_FALSE(readLatch(place.path()).isLatched());
  }
  CHECK(umount2(place.path().c_str(), MNT_DETACH) == 0);
}
