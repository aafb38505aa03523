#include "supervisor/awake.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <thread>

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace std::chrono_literals;

namespace {

constexpr const char* kDevice = "/dev/cpu_dma_latency";

UniqueFd openDevice(int flags) { return UniqueFd(::open(kDevice, flags | O_CLOEXEC)); }

// What the kernel goes by: the least that anybody asks for.
std::int32_t inForce() {
  std::int32_t microseconds = -1;
  const UniqueFd device = openDevice(O_RDONLY);
  REQUIRE(::read(device.get(), &microseconds, sizeof microseconds) == sizeof microseconds);
  return microseconds;
}

// Daemons of other tests may be launching just now, and ask for it for ten milliseconds each time.
std::int32_t inForceBetweenLaunches() {
  for (int tries = 0; inForce() == 0 && tries < 2000; ++tries) std::this_thread::sleep_for(5ms);
  return inForce();
}

}  // namespace

TEST_CASE("processors stay awake for the time of a launch, and longer when another one begins") {
  if (::access(kDevice, R_OK | W_OK) != 0) SKIP("this kernel has no " << kDevice);
  const std::int32_t before = inForceBetweenLaunches();
  REQUIRE(before > 0);  // or nobody could tell a difference
  {
    Awake awake(openDevice(O_WRONLY));
    CHECK_FALSE(awake.nextWake());
    awake.keep(1000ms);
    CHECK(inForce() == 0);
    CHECK(awake.nextWake() == Microseconds(1010ms));
    awake.wake(1009ms);
    CHECK(inForce() == 0);
    awake.keep(1009ms);
    awake.wake(1010ms);
    CHECK(inForce() == 0);
    awake.wake(1019ms);
    CHECK(inForceBetweenLaunches() == before);
    CHECK_FALSE(awake.nextWake());
    awake.keep(2000ms);
    CHECK(inForce() == 0);
  }
  CHECK(inForceBetweenLaunches() == before);  // whoever ends asks for nothing any more
}

TEST_CASE("without the device, or with one that takes nothing, nothing is asked for and nobody waits for its end") {
  Awake none{UniqueFd()};
  none.keep(1000ms);
  CHECK_FALSE(none.nextWake());
  Awake full{UniqueFd(::open("/dev/full", O_WRONLY | O_CLOEXEC))};
  full.keep(1000ms);
  CHECK_FALSE(full.nextWake());
}
