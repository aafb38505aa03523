// What the meter reads against what the kernel itself says, with groups and processes of our own.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_all.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "sdk/base/io.h"
#include "supervisor/meter/device_meter.h"
#include "supervisor/meter/group_meter.h"
#include "tests/supervisor/meter/own_groups.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

constexpr std::uint64_t kMapped = 256ULL << 20;
constexpr std::uint64_t kBurnedUsec = 1'000'000;
constexpr std::uint64_t kWritten = 8ULL << 20;

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 6000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

bool within2Percent(std::optional<std::uint64_t> value, std::uint64_t of) {
  return value && *value * 100 >= of * 98 && *value * 100 <= of * 102;
}

// A child in the groups that works, tells when it is done, and stays until it is let go.
class Worker {
 public:
  Worker(const test::OwnGroups& groups, const std::function<bool()>& work) {
    int done[2], stay[2];
    REQUIRE(pipe2(done, O_CLOEXEC) == 0);
    REQUIRE(pipe2(stay, O_CLOEXEC) == 0);
    done_.reset(done[0]);
    stay_.reset(stay[1]);
    const UniqueFd tell(done[1]), wait(stay[0]);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      stay_.reset();
      const char well = groups.joinAsChild() && work() ? 'y' : 'n';
      char end = 0;
      const bool told = write(tell.get(), &well, 1) == 1;
      _exit(told && read(wait.get(), &end, 1) == 0 ? 0 : 1);
    }
  }
  ~Worker() {
    if (pid_ <= 0) return;
    (void)kill(pid_, SIGKILL);
    (void)waitpid(pid_, nullptr, 0);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  int pid() const { return pid_; }
  bool hasSaid() const {
    pollfd one{done_.get(), POLLIN, 0};
    return poll(&one, 1, 0) == 1;
  }
  bool isDone() {
    char said = 0;
    return read(done_.get(), &said, 1) == 1 && said == 'y';
  }
  // What the kernel says that it used, in microseconds of the processor.
  std::uint64_t end() {
    stay_.reset();
    rusage usage{};
    int status = -1;
    REQUIRE(wait4(pid_, &status, 0, &usage) == pid_);
    pid_ = -1;
    REQUIRE(status == 0);
    const auto usec = [](const timeval& time) {
      return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
    };
    return usec(usage.ru_utime) + usec(usage.ru_stime);
  }

 private:
  UniqueFd done_, stay_;
  int pid_ = -1;
};

bool burnUntil(std::uint64_t usec) {
  timespec used{};
  do {
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return false;
  } while (static_cast<std::uint64_t>(used.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(used.tv_nsec) / 1000 <
           usec);
  return true;
}
bool burn() { return burnUntil(kBurnedUsec); }

bool mapAndTouch(int flags) {
  void* const memory = mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  std::memset(memory, 1, kMapped);
  return true;
}

test::OwnGroups ownGroups() { return test::OwnGroups::make("rf-test-" + std::to_string(getpid())).value(); }

}  // namespace

TEST_CASE("processor time of a group is within two percent of what its process was charged") {
  const test::OwnGroups groups = ownGroups();
  GroupMeter meter = groups.meter();
  const GroupReading before = meter.read(Depth::kQuick);
  REQUIRE(before.cpuUsec == 0);
  Worker worker(groups, burn);
  REQUIRE(worker.isDone());
  CHECK(meter.read(Depth::kQuick).cpuUsec >= kBurnedUsec * 98 / 100);
  const std::uint64_t charged = worker.end();
  REQUIRE(charged >= kBurnedUsec);
  CHECK(eventually([&] { return within2Percent(meter.read(Depth::kQuick).cpuUsec, charged); }));
  if (groups.hasCpuacct()) CHECK(within2Percent(groups.cpuacctMeter().read(Depth::kQuick).cpuUsec, charged));
}

// RINGFENCE_METER_SECONDS: of a processor, that each of twenty groups burns, in a soak.
TEST_CASE("groups that are read ten times a second while all of them work are charged what their processes were") {
  const char* const soak = std::getenv("RINGFENCE_METER_SECONDS");
  const std::size_t count = soak == nullptr ? 4 : 20;
  const std::uint64_t burned = soak == nullptr ? kBurnedUsec : std::strtoull(soak, nullptr, 10) * 1'000'000;
  REQUIRE(burned >= kBurnedUsec);
  std::vector<std::unique_ptr<test::OwnGroups>> groups;
  std::vector<GroupMeter> meters;
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < count; ++i) {
    groups.push_back(std::make_unique<test::OwnGroups>(
        test::OwnGroups::make("rf-test-" + std::to_string(getpid()) + "-" + std::to_string(i)).value()));
    meters.push_back(groups.back()->meter());
    workers.push_back(std::make_unique<Worker>(*groups.back(), [burned] { return burnUntil(burned); }));
  }
  std::vector<std::uint64_t> last(count, 0);
  while (!std::ranges::all_of(workers, [](const auto& worker) { return worker->hasSaid(); })) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t now = meters[i].read(Depth::kQuick).cpuUsec.value_or(0);
      REQUIRE(now >= last[i]);
      last[i] = now;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  // The last first: each has what keeps those before it here.
  for (std::size_t i = count; i-- > 0;) {
    CAPTURE(i);
    REQUIRE(workers[i]->isDone());
    const std::uint64_t charged = workers[i]->end();
    REQUIRE(charged >= burned);
    CHECK(eventually([&] { return within2Percent(meters[i].read(Depth::kQuick).cpuUsec, charged); }));
  }
}

TEST_CASE("memory of a group is within two percent of what its process mapped and touched, and is given back") {
  const test::OwnGroups groups = ownGroups();
  GroupMeter meter = groups.meter();
  Worker worker(groups, [] { return mapAndTouch(MAP_PRIVATE); });
  REQUIRE(worker.isDone());
  CHECK(eventually([&] {
    const GroupReading now = meter.read(Depth::kFull);
    return within2Percent(now.memoryBytes, kMapped) && within2Percent(now.anonymousBytes, kMapped);
  }));
  const GroupReading full = meter.read(Depth::kFull);
  CAPTURE(full.memoryBytes, full.anonymousBytes, full.memoryPeakBytes);
  CHECK(within2Percent(full.memoryBytes, kMapped));
  CHECK(within2Percent(full.anonymousBytes, kMapped));
  CHECK(within2Percent(full.memoryPeakBytes, kMapped));
  CHECK(full.sharedBytes == 0);
  (void)worker.end();
  CHECK(eventually([&] { return meter.read(Depth::kQuick).memoryBytes < kMapped / 50; }));
  CHECK(within2Percent(meter.read(Depth::kFull).memoryPeakBytes, kMapped));
}

TEST_CASE("shared memory of a group is told apart from that of its processes") {
  const test::OwnGroups groups = ownGroups();
  GroupMeter meter = groups.meter();
  Worker worker(groups, [] { return mapAndTouch(MAP_SHARED); });
  REQUIRE(worker.isDone());
  CHECK(eventually([&] { return within2Percent(meter.read(Depth::kFull).sharedBytes, kMapped); }));
  CHECK(meter.read(Depth::kFull).anonymousBytes < kMapped / 50);
}

TEST_CASE("processes of a group are counted and listed, and gone when it is removed") {
  auto groups = std::make_unique<test::OwnGroups>(ownGroups());
  GroupMeter meter = groups->meter();
  CHECK(meter.read(Depth::kQuick).pids == 0);
  CHECK(meter.processes().value().empty());
  {
    Worker one(*groups, [] { return true; }), other(*groups, [] { return true; });
    REQUIRE(one.isDone());
    REQUIRE(other.isDone());
    std::vector<int> both{one.pid(), other.pid()};
    std::sort(both.begin(), both.end());
    CHECK(meter.read(Depth::kQuick).pids == 2);
    CHECK(meter.processes().value() == both);
  }
  CHECK(eventually([&] { return meter.read(Depth::kQuick).pids == 0; }));
  groups.reset();
  CHECK(meter.read(Depth::kFull) == GroupReading{});
  CHECK(meter.processes().error().code == ErrorCode::kNotFound);
}

TEST_CASE("bytes that a process wrote past the cache are its group's, or unknown") {
  const test::OwnGroups groups = ownGroups();
  GroupMeter meter = groups.meter();
  const test::TempDir dir;
  const std::string path = dir.path() + "/written";
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_DIRECT, 0600));
  const MeterRoots roots = MeterRoots::open("/").value();
  DeviceMeter device(roots);
  const DeviceReading before = device.read(Depth::kFull);
  if (!file || !before.ioWriteBytes) SKIP("no disk below the directory for temporary files");
  Worker worker(groups, [&] {
    void* const memory = mmap(nullptr, kWritten, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && pwrite(file.get(), memory, kWritten, 0) == static_cast<ssize_t>(kWritten);
  });
  REQUIRE(worker.isDone());
  // The machine's disks take what was written, or there is no disk below that directory.
  const auto byAll = [&] { return *device.read(Depth::kFull).ioWriteBytes - *before.ioWriteBytes; };
  if (byAll() < kWritten) SKIP("no disk below the directory for temporary files");
  // A v1 kernel may count for no group: then it is unknown, never nothing.
  const auto written = meter.read(Depth::kFull, device.notDisks()).ioWriteBytes;
  CAPTURE(written, byAll());
  CHECK((!written || within2Percent(written, kWritten)));
  if (groups.countsBytes()) CHECK(written);
}

TEST_CASE("the machine's processor time grows by what was burned, and its numbers fit together") {
  const MeterRoots roots = MeterRoots::open("/").value();
  DeviceMeter device(roots);
  const DeviceReading before = device.read(Depth::kFull);
  REQUIRE(before.cpus >= 1);
  REQUIRE(before.cpuBusyUsec);
  CHECK(before.cpus == static_cast<std::uint32_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  CHECK(before.memoryAvailableBytes <= before.memoryTotalBytes);
  CHECK(before.memoryTotalBytes > 0);
  REQUIRE(burn());
  const DeviceReading after = device.read(Depth::kFull);
  // Ticks are sampled: a process alone on a processor is charged each of them, one that shares it about its part.
  CHECK(*after.cpuBusyUsec - *before.cpuBusyUsec >= kBurnedUsec * 80 / 100);
}
