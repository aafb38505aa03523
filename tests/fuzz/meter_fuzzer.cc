// Whatever stands in a file that is metered is read without harm. The input is given to every parser, and is the
// content of every file of a group and of a machine, whose meters are made anew and read.
#include <fcntl.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "supervisor/meter/device_meter.h"
#include "supervisor/meter/group_meter.h"
#include "supervisor/meter/kernel_text.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

constexpr const char* kGroupFiles[] = {"cpu.stat",
                                       "cpuacct.usage",
                                       "memory.usage_in_bytes",
                                       "memory.max_usage_in_bytes",
                                       "memory.current",
                                       "memory.peak",
                                       "memory.swap.current",
                                       "memory.stat",
                                       "pids.current",
                                       "blkio.throttle.io_service_bytes_recursive",
                                       "io.stat",
                                       "cpu.pressure",
                                       "memory.pressure",
                                       "io.pressure",
                                       "cgroup.procs"};
constexpr const char* kMachineFiles[] = {"proc/stat",
                                         "proc/meminfo",
                                         "proc/diskstats",
                                         "proc/pressure/cpu",
                                         "proc/pressure/memory",
                                         "proc/pressure/io",
                                         "sys/devices/system/cpu/online",
                                         "sys/block/sda/hidden",
                                         "sys/class/powercap/intel-rapl:0/name",
                                         "sys/class/powercap/intel-rapl:0/energy_uj",
                                         "sys/class/powercap/intel-rapl:0/max_energy_range_uj",
                                         "sys/class/power_supply/BAT0/type",
                                         "sys/class/power_supply/BAT1/status",
                                         "sys/class/power_supply/BAT1/capacity",
                                         "sys/class/power_supply/BAT1/energy_now",
                                         "sys/class/power_supply/BAT1/energy_full",
                                         "sys/class/power_supply/BAT1/current_now",
                                         "sys/class/power_supply/BAT1/voltage_now",
                                         "sys/class/thermal/thermal_zone0/temp",
                                         "sys/class/thermal/thermal_zone0/trip_point_0_temp"};

struct World {
  test::TempDir dir;
  UniqueFd group;
  MeterRoots roots;

  World() {
    for (const char* name : {"proc", "sys", "dev", "group"}) dir.makeDirectory(name);
    for (const char* file : kMachineFiles) dir.write(file, "");
    dir.write("sys/class/power_supply/BAT1/type", "Battery\n");
    dir.write("sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n");
    group.reset(open((dir.path() + "/group").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    roots = MeterRoots::open(dir.path()).value();
  }
  void fill(std::string_view text) const {
    const auto put = [&](const std::string& file) { std::ofstream(dir.path() + "/" + file, std::ios::binary) << text; };
    for (const char* file : kGroupFiles) put(std::string("group/") + file);
    for (const char* file : kMachineFiles) put(file);
  }
};

void require(bool holds) {
  if (!holds) std::abort();
}

void parse(std::string_view text) {
  (void)parseNumberLine(text);
  (void)findNumber(text, "usage_usec");
  (void)parseStall(text);
  for (const auto version : {GroupVersion::kFirst, GroupVersion::kSecond}) (void)parseMemoryStat(text, version);
  const DeviceNumber mapper{253, 0};
  const auto all = parseIoStat(text, {}), some = parseIoStat(text, {&mapper, 1});
  if (all) require(some && some->read <= all->read && some->written <= all->written);
  (void)parseServiceBytes(text, {&mapper, 1});
  (void)parseProcessList(text);
  (void)parseLockWaits(text);
  (void)parseBusyTicks(text);
  (void)countProcessors(text);
  (void)parseMemoryInfo(text);
  (void)parseDiskStats(text);
}

void readFilesOf(std::string_view text) {
  static const World world;
  world.fill(text);
  const int group = world.group.get();
  for (const int version : {1, 2}) {
    const GroupPlace place{group, version};
    GroupMeter meter({place, place, place, place, {group, 2}});
    (void)meter.read(Depth::kFull);
    (void)meter.read(Depth::kQuick);
    (void)meter.processes();
  }
  DeviceMeter device(world.roots);
  const DeviceReading first = device.read(Depth::kFull);
  require(!first.battery || first.battery->percent.value_or(0) <= 100);
  require(device.read(Depth::kFull) == first);
  (void)readTooHot(world.roots);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Files cost a hundred times what parsing does. One input alone, and all of a replayed corpus, are among the first.
  constexpr unsigned kFirst = 64, kEach = 64;
  static unsigned runs = 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  parse(text);
  if (++runs <= kFirst || runs % kEach == 0) readFilesOf(text);
  return 0;
}
