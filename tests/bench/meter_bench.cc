// What reading control groups costs: `meter_bench [SECONDS [GROUPS [HZ]]]`, as root. Groups of its own, each with a
// process that does a little work all the time, are read as a governor's tick does, at its pace, so that caches are as
// cold as they are then. Prints the share of one processor that the reading took. Ends with 1 when a number is missing
// that every machine gives.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "supervisor/meter/device_meter.h"
#include "supervisor/meter/group_meter.h"
#include "tests/supervisor/meter/own_groups.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

constexpr std::size_t kWorkBytes = 4 << 20;

// A group and a process in it that has memory and gives it back, twenty times a second.
struct Watched {
  test::OwnGroups groups;
  GroupMeter meter = groups.meter();
  pid_t process = -1;

  // It touches `bytes`: above a mebibyte, what memory.stat says has to be read again.
  Watched(test::OwnGroups made, std::size_t bytes) : groups(std::move(made)) {
    process = fork();
    if (process != 0) return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!groups.joinAsChild()) _exit(1);
    for (;;) {
      void* const memory = mmap(nullptr, kWorkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) _exit(1);
      for (std::size_t at = 0; at < bytes; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
      (void)usleep(25000);
      (void)munmap(memory, kWorkBytes);
      (void)usleep(25000);
    }
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() {
    if (process <= 0) return;
    (void)kill(process, SIGKILL);
    (void)waitpid(process, nullptr, 0);
  }
};

double processorUsec() {
  timespec used{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

long argument(int count, char** arguments, int index, long otherwise) {
  return count > index ? std::max(1L, std::strtol(arguments[index], nullptr, 10)) : otherwise;
}

}  // namespace

int main(int count, char** arguments) {
  const long seconds = argument(count, arguments, 1, 5), groups = argument(count, arguments, 2, 20);
  const long hertz = argument(count, arguments, 3, 10), ticks = seconds * hertz;
  std::vector<std::unique_ptr<Watched>> watched;
  for (long i = 0; i < groups; ++i) {
    auto made = test::OwnGroups::make("rf-bench-" + std::to_string(getpid()) + "-" + std::to_string(i));
    if (!made) {
      std::fprintf(stderr, "meter_bench: %s\n", made.error().message.c_str());
      return 1;
    }
    watched.push_back(std::make_unique<Watched>(std::move(*made), i % 2 == 0 ? kWorkBytes : kWorkBytes / 16));
  }
  const auto roots = MeterRoots::open("/");
  if (!roots) return 1;
  DeviceMeter device(*roots);
  long missing = 0;
  double groupUsec = 0, deviceUsec = 0;
  const auto start = std::chrono::steady_clock::now();
  for (long tick = 1; tick <= ticks; ++tick) {
    std::this_thread::sleep_until(start + std::chrono::microseconds(1'000'000 * tick / hertz));
    const double before = processorUsec();
    for (const auto& one : watched) {
      const GroupReading reading = one->meter.read(Depth::kQuick);
      if (!reading.cpuUsec || !reading.memoryBytes || !reading.anonymousBytes || !reading.pids) ++missing;
    }
    const double between = processorUsec();
    if (!device.read(Depth::kQuick).cpuBusyUsec) ++missing;
    groupUsec += between - before;
    deviceUsec += processorUsec() - between;
  }
  const auto share = [&](double usec) { return usec / static_cast<double>(seconds) / 1e4; };
  std::printf("%ld groups at %ld Hz: %.3f %% of one core (%.1f us a reading); the machine: %.3f %% (%.1f us)\n", groups,
              hertz, share(groupUsec), groupUsec / static_cast<double>(ticks * groups), share(deviceUsec),
              deviceUsec / static_cast<double>(ticks));
  if (missing > 0) std::fprintf(stderr, "meter_bench: %ld readings lack a number\n", missing);
  return missing > 0 ? 1 : 0;
}
