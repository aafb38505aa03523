// Between a trigger and the latch on the disk ringfence-stop takes no memory: every call of the heap of this whole
// program is counted here. A program of its own, because it replaces malloc.
#include <cstdlib>

#include "tests/supervisor/stop/held_call.h"
#include "tests/supervisor/stop/stop_world.h"

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

extern "C" {
void* malloc(std::size_t size) { return ++allocations, __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) { return ++allocations, __libc_calloc(count, size); }
void* realloc(void* old, std::size_t size) { return ++allocations, __libc_realloc(old, size); }
void* memalign(std::size_t alignment, std::size_t size) { return ++allocations, __libc_memalign(alignment, size); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { return ++allocations, __libc_memalign(alignment, size); }
int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  ++allocations;
  *into = __libc_memalign(alignment, size);
  return *into == nullptr ? 12 : 0;
}
}

using namespace ringfence;
using namespace ringfence::test;

namespace {

// Without anything of the test's own in between.
enum class What { kStop, kKill, kKillOwn };
std::uint64_t allocationsOfOne(Stopper& stopper, const Trigger& trigger, What what) {
  const std::uint64_t before = allocations;
  switch (what) {
    case What::kStop: stopper.stop(trigger); break;
    case What::kKill: stopper.kill(trigger); break;
    case What::kKillOwn: (void)stopper.killOwn(trigger); break;
  }
  while (stopper.advance()) {
    const timespec pause{.tv_sec = 0, .tv_nsec = 300'000};
    nanosleep(&pause, nullptr);
  }
  return allocations - before;
}

}  // namespace

TEST_CASE("the heap is counted here") {
  const std::uint64_t before = allocations;
  auto* const text = new std::string(100, 'x');
  CHECK(allocations - before >= 2);
  delete text;
}

TEST_CASE("nothing is allocated between a trigger and the latch") {
  StopWorld world;
  const SharedCounter taken;
  const RunId asking = world.addRun(), front = world.addRun(PriorityClass::kInteractive);
  world.add(asking, [&] { waitInTakenCall(taken.value()); });  // So that each thread is looked at.
  world.addSleepers(asking, 20);
  for (int i = 0; i < 5; ++i)
    world.add(
        front, [] {}, PriorityClass::kInteractive);
  const RunId own = world.addRunOf(1000, 3);
  REQUIRE(eventually([&] { return taken.value() == 1; }));
  const auto stopper = world.stopper();
  const Trigger trigger{.text = TriggerText("asked"), .uid = 0};

  CHECK(allocationsOfOne(*stopper, trigger, What::kStop) == 0);
  CHECK(stopper->receipt().stop.isVerified);
  CHECK(stopper->receipt().stop.held == 1);
  CHECK(stopper->receipt().stop.processes == 30);
  CHECK(readLatch(world.state.path()).stop == stopper->receipt().stop);

  // Again, to the end of what one person owns, and to that of everybody.
  CHECK(allocationsOfOne(*stopper, trigger, What::kStop) == 0);
  CHECK(allocationsOfOne(*stopper, {.text = TriggerText("asked"), .uid = 1000}, What::kKillOwn) == 0);
  CHECK(stopper->receipt().own.size() == 1);
  CHECK_FALSE(world.hasSomebody(own));
  CHECK(allocationsOfOne(*stopper, trigger, What::kKill) == 0);
  INFO(stopper->receipt().stop.finishing << " left after " << stopper->receipt().stop.tookUsec << " us");
  CHECK(stopper->receipt().stop.isVerified);
}

TEST_CASE("nothing is allocated where the branches were replaced and the latch cannot be written") {
  StopWorld world;
  world.state.makeDirectory("latch");
  const auto stopper = world.stopper();
  REQUIRE(world.tree->removeBranches());
  world.tree = std::make_unique<CgroupTree>(
      CgroupTree::open(world.features, world.name, UniqueFd(dup(world.root.get()))).value());
  world.addSleepers(world.addRun(), 3);
  CHECK(allocationsOfOne(*stopper, {.text = TriggerText("asked")}, What::kStop) == 0);
  CHECK(stopper->receipt().stop.isVerified);
  CHECK(stopper->receipt().latchProblem != 0);
}
