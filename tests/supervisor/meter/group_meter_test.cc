#include "supervisor/meter/group_meter.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_all.hpp>
#include <filesystem>
#include <string>

#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

UniqueFd directory(const std::string& path) { return UniqueFd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); }

const std::string kPressure = "some avg10=0.00 avg60=0.00 avg300=0.00 total=";

// A group in each hierarchy of a hybrid machine.
struct Hybrid {
  test::TempDir dir;
  Hybrid() {
    dir.write("unified/cpu.stat", "usage_usec 5000\nuser_usec 4000\nsystem_usec 1000\n");
    dir.write("unified/cpu.pressure", kPressure + "11\n");
    dir.write("unified/memory.pressure", kPressure + "12\n");
    dir.write("unified/io.pressure", kPressure + "13\n");
    dir.write("unified/cgroup.procs", "");
    dir.write("cpu/cpu.stat", "nr_periods 1\n");
    dir.write("cpu/cpuacct.usage", "7000999\n");
    dir.write("memory/memory.usage_in_bytes", "1000\n");
    dir.write("memory/memory.max_usage_in_bytes", "2000\n");
    dir.write("memory/memory.stat",
              "rss 1\ntotal_rss 600\ntotal_shmem 40\ntotal_swap 30\n"
              "total_workingset_refault_anon 1\ntotal_workingset_refault_file 2\n");
    dir.write("pids/pids.current", "4\n");
    dir.write("blkio/blkio.throttle.io_service_bytes_recursive",
              "254:0 Read 100\n254:0 Write 20\n254:0 Total 120\n253:0 Read 100\n253:0 Total 100\nTotal 220\n");
  }
  GroupMeter meter() {
    const UniqueFd cpu = directory(dir.path() + "/cpu"), memory = directory(dir.path() + "/memory");
    const UniqueFd pids = directory(dir.path() + "/pids"), io = directory(dir.path() + "/blkio");
    const UniqueFd unified = directory(dir.path() + "/unified");
    return GroupMeter({{cpu.get(), 1}, {memory.get(), 1}, {pids.get(), 1}, {io.get(), 1}, {unified.get(), 2}});
  }
};

struct Unified {
  test::TempDir dir;
  Unified() {
    dir.write("cpu.stat", "usage_usec 5000\n");
    dir.write("cpu.pressure", kPressure + "11\n");
    dir.write("memory.pressure", kPressure + "12\n");
    dir.write("io.pressure", kPressure + "13\n");
    dir.write("memory.current", "1000\n");
    dir.write("memory.peak", "2000\n");
    dir.write("memory.swap.current", "30\n");
    dir.write("memory.stat", "anon 600\nshmem 40\nworkingset_refault_anon 1\nworkingset_refault_file 2\n");
    dir.write("pids.current", "4\n");
    dir.write("io.stat", "254:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n253:0 rbytes=100 wbytes=0\n");
    dir.write("cgroup.procs", "");
  }
  GroupMeter meter() const {
    const UniqueFd fd = directory(dir.path());
    const GroupPlace place{fd.get(), 2};
    return GroupMeter({place, place, place, place, place});
  }
};

GroupReading all() {
  return {.cpuUsec = 5000,
          .memoryBytes = 1000,
          .memoryPeakBytes = 2000,
          .anonymousBytes = 600,
          .sharedBytes = 40,
          .swapBytes = 30,
          .refaults = 3,
          .pids = 4,
          .ioReadBytes = 200,
          .ioWriteBytes = 20,
          .pressure = {11, 12, 13}};
}

}  // namespace

TEST_CASE("both layouts give every number of a full reading") {
  CHECK(Hybrid().meter().read(Depth::kFull) == all());
  CHECK(Unified().meter().read(Depth::kFull) == all());
}

TEST_CASE("a quick reading has processor time, memory and processes") {
  const GroupReading quick{.cpuUsec = 5000, .memoryBytes = 1000, .anonymousBytes = 600, .sharedBytes = 40, .pids = 4};
  CHECK(Hybrid().meter().read(Depth::kQuick) == quick);
  CHECK(Unified().meter().read(Depth::kQuick) == quick);
  CHECK(Unified().meter().readPressure() == PressureTotals{11, 12, 13});
}

TEST_CASE("quick readings look into memory.stat when memory in use has changed, and each tenth time") {
  const Unified group;
  GroupMeter meter = group.meter();
  const auto use = [&](std::uint64_t memory, int anonymous) {
    group.dir.write("memory.current", std::to_string(memory) + "\n");
    group.dir.write("memory.stat", "anon " + std::to_string(anonymous) + "\n");
  };
  bool repeated = false;
  const auto anonymous = [&] {
    const GroupReading reading = meter.read(Depth::kQuick);
    repeated = reading.anonymousRepeated;
    return reading.anonymousBytes;
  };
  use(128 << 20, 1);
  CHECK(anonymous() == 1);
  CHECK_FALSE(repeated);
  use((128 << 20) + (1 << 20), 2);
  CHECK(anonymous() == 1);  // a mebibyte, but not 1/64
  CHECK(repeated);
  use((128 << 20) + (2 << 20), 3);
  CHECK(anonymous() == 3);
  use(1 << 20, 4);
  CHECK(anonymous() == 4);
  use((1 << 20) + (1 << 19), 5);
  for (int i = 0; i < 9; ++i) CHECK(anonymous() == 4);
  CHECK(repeated);
  CHECK(anonymous() == 5);
  CHECK_FALSE(repeated);
  use((1 << 20) + (1 << 19), 6);
  CHECK_FALSE(meter.read(Depth::kFull).anonymousRepeated);
  CHECK(anonymous() == 6);
  CHECK(repeated);
  std::filesystem::resize_file(group.dir.path() + "/memory.stat", 0);
  CHECK_FALSE(meter.read(Depth::kFull).anonymousBytes);
  CHECK_FALSE(anonymous());
}

TEST_CASE("what passes on to a disk is not counted beside it") {
  const DeviceNumber mapper{253, 0};
  CHECK(Hybrid().meter().read(Depth::kFull, {&mapper, 1}).ioReadBytes == 100);
  CHECK(Unified().meter().read(Depth::kFull, {&mapper, 1}).ioReadBytes == 100);
}

TEST_CASE("a meter sees what changes in the files it opened") {
  const Unified group;
  GroupMeter meter = group.meter();
  group.dir.write("memory.current", "123456\n");
  group.dir.write("cpu.stat", "usage_usec 6000\n");
  CHECK(meter.read(Depth::kQuick).memoryBytes == 123456);
  CHECK(meter.read(Depth::kQuick).cpuUsec == 6000);
}

TEST_CASE("processor time comes from v1 where the unified group does not tell it") {
  Hybrid group;
  group.dir.write("unified/cpu.stat", "nr_periods 0\n");
  CHECK(group.meter().read(Depth::kQuick).cpuUsec == 7000);
  std::filesystem::remove(group.dir.path() + "/unified/cpu.stat");
  CHECK(group.meter().read(Depth::kQuick).cpuUsec == 7000);
  std::filesystem::remove(group.dir.path() + "/cpu/cpuacct.usage");
  CHECK_FALSE(group.meter().read(Depth::kQuick).cpuUsec);
}

TEST_CASE("what a kernel lacks is unknown, and the rest is read") {
  const Unified group;
  for (const char* file :
       {"memory.peak", "cpu.pressure", "memory.pressure", "io.pressure", "io.stat", "memory.swap.current"})
    std::filesystem::remove(group.dir.path() + "/" + file);
  GroupReading poor = all();
  poor.memoryPeakBytes = poor.ioReadBytes = poor.ioWriteBytes = poor.swapBytes = std::nullopt;
  poor.pressure = {};
  CHECK(group.meter().read(Depth::kFull) == poor);
}

TEST_CASE("without any hierarchy nothing is known") {
  GroupMeter meter{GroupPlaces{}};
  CHECK(meter.read(Depth::kFull) == GroupReading{});
  CHECK(meter.processes().error().code == ErrorCode::kUnsupported);
}

TEST_CASE("files of nonsense give no number") {
  const Unified group;
  const std::string nonsense[] = {"",
                                  "\n",
                                  std::string(3, '\0'),
                                  "max\n",
                                  "-5\n",
                                  std::string(100'000, '9') + "\n",
                                  std::string(100'000, '\n'),
                                  "usage_usec \nanon\nsome total\n"};
  for (const std::string& text : nonsense) {
    for (const auto& entry : std::filesystem::directory_iterator(group.dir.path()))
      group.dir.write(entry.path().filename().string(), text);
    GroupReading reading = group.meter().read(Depth::kFull);
    if (text.empty()) {  // io.stat of a group that did nothing yet is empty
      CHECK(reading.ioReadBytes == 0);
      reading.ioReadBytes = reading.ioWriteBytes = std::nullopt;
    }
    CHECK(reading == GroupReading{});
  }
}

TEST_CASE("numbers that were cut short are unknown") {
  const Unified group;
  for (const char* file : {"memory.current", "pids.current", "cpu.stat", "cpu.pressure", "io.stat"}) {
    const std::string whole = test::readFile(group.dir.path() + "/" + file);
    group.dir.write(file, whole.substr(0, whole.size() - 2));
  }
  const GroupReading reading = group.meter().read(Depth::kFull);
  CHECK_FALSE(reading.memoryBytes);
  CHECK_FALSE(reading.pids);
  CHECK_FALSE(reading.cpuUsec);
  CHECK_FALSE(reading.pressure.cpuUsec);
  CHECK_FALSE(reading.ioReadBytes);
}

TEST_CASE("a list of disks that is longer than is read gives no sum, and a long memory.stat what comes first") {
  const Unified group;
  std::string disks, stat = "anon 600\n";
  // Lines that end just where the buffer does.
  const std::string disk = "8:1000 rbytes=1 wbytes=1 rios=1\n";
  REQUIRE(kFileBuffer % disk.size() == 0);
  while (disks.size() < 2 * kFileBuffer) disks += disk;
  while (stat.size() < 2 * kFileBuffer) stat += "unknown 1\n";
  group.dir.write("io.stat", disks);
  group.dir.write("memory.stat", stat + "shmem 5\n");
  const GroupReading reading = group.meter().read(Depth::kFull);
  CHECK_FALSE(reading.ioReadBytes);
  CHECK(reading.anonymousBytes == 600);
  CHECK_FALSE(reading.sharedBytes);
}

TEST_CASE("a pipe in the place of a file holds up nobody") {
  const Unified group;
  const std::string path = group.dir.path() + "/memory.current";
  std::filesystem::remove(path);
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  CHECK_FALSE(group.meter().read(Depth::kFull).memoryBytes);
}

TEST_CASE("processes of the groups below are listed, each once and in order") {
  const Unified group;
  group.dir.write("cgroup.procs", "30\n10\n");
  group.dir.write("agent/cgroup.procs", "20\n10\n");
  group.dir.write("agent/tool/cgroup.procs", "5\n");
  group.dir.makeDirectory("removed-meanwhile");
  CHECK(group.meter().processes().value() == std::vector<int>{5, 10, 20, 30});
}

TEST_CASE("a link is no group below") {
  const Unified group;
  const test::TempDir elsewhere;
  elsewhere.write("cgroup.procs", "1\n");
  std::filesystem::create_directory_symlink(elsewhere.path(), group.dir.path() + "/agent");
  CHECK(group.meter().processes().value().empty());
}

TEST_CASE("a list of processes that is broken, too deep or gone is an error") {
  const Unified group;
  const GroupMeter meter = group.meter();
  group.dir.write("agent/cgroup.procs", "12\nx\n");
  CHECK(meter.processes().error().code == ErrorCode::kInternal);
  group.dir.write("agent/cgroup.procs", "");
  std::string deep = "agent";
  for (int i = 0; i < 20; ++i) group.dir.write((deep += "/a") + "/cgroup.procs", "");
  CHECK(meter.processes().error().code == ErrorCode::kUnavailable);
  std::filesystem::remove_all(group.dir.path() + "/agent");
  CHECK(meter.processes().value().empty());
  std::filesystem::remove(group.dir.path() + "/cgroup.procs");
  CHECK(meter.processes().error().code == ErrorCode::kNotFound);
}

TEST_CASE("more groups below than are looked at is an error, not a part of the list") {
  const Unified group;
  const std::string below = group.dir.makeDirectory("below") + "/g";
  const auto makeUpTo = [&](int count) {
    for (int i = 0; i < count; ++i) (void)std::filesystem::create_directory(below + std::to_string(i));
  };
  makeUpTo(1022);
  CHECK(group.meter().processes().value().empty());
  makeUpTo(1023);
  CHECK(group.meter().processes().error().code == ErrorCode::kUnavailable);
  makeUpTo(1300);
  CHECK(group.meter().processes().error().code == ErrorCode::kUnavailable);
}
