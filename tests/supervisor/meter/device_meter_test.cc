#include "supervisor/meter/device_meter.h"

#include <unistd.h>

#include <catch2/catch_all.hpp>
#include <filesystem>
#include <string>

#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

// A laptop with an encrypted disk.
struct Machine {
  test::TempDir dir;
  Machine() {
    for (const char* name : {"proc", "sys", "dev"}) dir.makeDirectory(name);
    dir.write("proc/stat", "cpu  100 0 50 900 7 3 2 40 0 0\ncpu0 1 1 1 1\nintr 5\n");
    dir.write("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\nSwapFree: 0 kB\n");
    for (const char* name : {"cpu", "memory", "io"})
      dir.write(std::string("proc/pressure/") + name, "some avg10=0.00 avg60=0.00 avg300=0.00 total=21\n");
    dir.write("sys/devices/system/cpu/online", "0-1\n");
    for (const char* name : {"sda", "dm-0", "loop0"}) dir.makeDirectory(std::string("sys/block/") + name);
    disks(100, 10);
  }
  // Sectors of the disk; each layer above it counts them again.
  void disks(int read, int written) const {
    const auto line = [&](const char* device) {
      return std::string(device) + " 1 0 " + std::to_string(read) + " 0 1 0 " + std::to_string(written) + " 0 0 0 0\n";
    };
    dir.write("proc/diskstats", line("8 0 sda") + line("8 1 sda1") + line("253 0 dm-0") + line("7 0 loop0"));
  }
  MeterRoots roots() const { return MeterRoots::open(dir.path()).value(); }
};

std::uint64_t usec(std::uint64_t ticks) { return ticks * 1'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)); }

}  // namespace

TEST_CASE("roots name the directory that is absent") {
  const test::TempDir dir;
  dir.makeDirectory("proc");
  const auto roots = MeterRoots::open(dir.path());
  REQUIRE_FALSE(roots);
  CHECK(roots.error().code == ErrorCode::kNotFound);
  CHECK(roots.error().message.find("sys") != std::string::npos);
}

TEST_CASE("a quick reading has processors, memory and pressure, and a full one the disks as well") {
  const Machine machine;
  const MeterRoots roots = machine.roots();
  DeviceMeter meter(roots);
  DeviceReading expected{.cpus = 2,
                         .cpuBusyUsec = usec(155),
                         .memoryTotalBytes = 1024000,
                         .memoryAvailableBytes = 409600,
                         .swapFreeBytes = 0,
                         .pressure = {21, 21, 21}};
  CHECK(meter.read(Depth::kQuick) == expected);
  expected.ioReadBytes = 51200;
  expected.ioWriteBytes = 5120;
  CHECK(meter.read(Depth::kFull) == expected);
}

TEST_CASE("a machine that tells nothing has no numbers") {
  const test::TempDir dir;
  for (const char* name : {"proc", "sys", "dev"}) dir.makeDirectory(name);
  const MeterRoots roots = MeterRoots::open(dir.path()).value();
  CHECK(DeviceMeter(roots).read(Depth::kFull) == DeviceReading{});
}

TEST_CASE("files of nonsense give no number of the machine") {
  const Machine machine;
  for (const std::string& text :
       {std::string("\n"), std::string(200'000, 'x'), std::string(3, '\0'), std::string("cpu 1\n")}) {
    for (const char* file : {"proc/stat", "proc/meminfo", "proc/diskstats", "proc/pressure/cpu", "proc/pressure/memory",
                             "proc/pressure/io", "sys/devices/system/cpu/online"})
      machine.dir.write(file, text);
    const MeterRoots roots = machine.roots();
    CHECK(DeviceMeter(roots).read(Depth::kFull) == DeviceReading{});
  }
}

TEST_CASE("the first line of a very long /proc/stat is enough") {
  const Machine machine;
  machine.dir.write("proc/stat", "cpu  100 0 50 900 7 3 2 40 0 0\nintr " + std::string(100'000, '1') + "\n");
  const MeterRoots roots = machine.roots();
  CHECK(DeviceMeter(roots).read(Depth::kQuick).cpuBusyUsec == usec(155));
}

TEST_CASE("only whole disks are counted, and the others are named") {
  const Machine machine;
  machine.dir.write("sys/block/nvme0c0n1/hidden", "1\n");
  machine.dir.write("sys/block/nvme0n1/hidden", "0\n");
  machine.dir.makeDirectory("sys/block/stacked/slaves/sda");
  machine.dir.makeDirectory("sys/block/cciss!c0d0/slaves");
  std::string lines;
  int minor = 0;
  for (const char* name : {"sda", "sda1", "dm-0", "loop0", "zram0", "md127", "nvme0c0n1", "nvme0n1", "nvme0n1p1",
                           "stacked", "cciss/c0d0", "../x"})
    lines += "259 " + std::to_string(minor++) + " " + name + " 1 0 1 0 1 0 2 0 0 0 0\n";
  machine.dir.write("proc/diskstats", lines);
  const MeterRoots roots = machine.roots();
  DeviceMeter meter(roots);
  const DeviceReading reading = meter.read(Depth::kFull);
  CHECK(reading.ioReadBytes == 3 * 512);  // sda, nvme0n1, cciss/c0d0
  CHECK(reading.ioWriteBytes == 3 * 1024);
  const std::vector<DeviceNumber> passing{{259, 2}, {259, 3}, {259, 4}, {259, 5}, {259, 6}, {259, 9}};
  CHECK(std::vector<DeviceNumber>(meter.notDisks().begin(), meter.notDisks().end()) == passing);
}

TEST_CASE("bytes never go backwards when a disk is taken away, comes back or begins anew") {
  const Machine machine;
  const MeterRoots roots = machine.roots();
  DeviceMeter meter(roots);
  const auto read = [&] { return meter.read(Depth::kFull).ioReadBytes; };
  CHECK(read() == 100 * 512);
  machine.disks(150, 10);
  CHECK(read() == 150 * 512);
  machine.dir.write("proc/diskstats", "7 0 loop0 1 0 9 0 1 0 9 0 0 0 0\n");
  CHECK(read() == 150 * 512);
  machine.disks(160, 10);  // the same again: only a short list
  CHECK(read() == 160 * 512);
  machine.disks(20, 10);  // plugged in anew
  CHECK(read() == 180 * 512);
  machine.dir.write("proc/diskstats", "8 0 sda 1 0 9");
  CHECK_FALSE(read());
  machine.disks(30, 10);
  CHECK(read() == 190 * 512);
}

TEST_CASE("a disk whose place in sysfs comes later is counted from then on") {
  const Machine machine;
  machine.dir.write("proc/diskstats", "8 0 sda 1 0 5 0 1 0 5 0 0 0 0\n8 16 sdb 1 0 7 0 1 0 7 0 0 0 0\n");
  const MeterRoots roots = machine.roots();
  DeviceMeter meter(roots);
  CHECK(meter.read(Depth::kFull).ioReadBytes == 5 * 512);
  machine.dir.makeDirectory("sys/block/sdb");
  CHECK(meter.read(Depth::kFull).ioReadBytes == 12 * 512);
}
