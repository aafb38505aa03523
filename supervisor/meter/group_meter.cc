#include "supervisor/meter/group_meter.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "sdk/base/io.h"

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kMaxGroupDepth = 16;
constexpr std::size_t kMaxGroupsWalked = 1024;
constexpr std::size_t kMaxProcessesListed = 65536;
constexpr std::uint64_t kNanosecondsInUsec = 1000;
constexpr std::size_t kPressureBuffer = 512;
constexpr unsigned kQuickReadingsOfStat = 10;
constexpr std::uint64_t kLeastChange = 1 << 20, kPartThatChanged = 64;

GroupVersion versionOf(const GroupPlace& place) {
  return place.version == 1 ? GroupVersion::kFirst : GroupVersion::kSecond;
}

KernelFile openOne(const GroupPlace& place, const char* first, const char* second) {
  if (place.version != 1 && place.version != 2) return {};
  const char* const name = place.version == 1 ? first : second;
  return name == nullptr ? KernelFile{} : KernelFile::open(place.directory, name);
}

std::optional<std::uint64_t> readNumber(const KernelFile& file, std::span<char> buffer) {
  const auto text = file.readWhole(buffer);
  return text ? parseNumberLine(*text) : std::nullopt;
}

std::optional<std::uint64_t> readStall(const KernelFile& file, std::span<char> buffer) {
  const auto text = file.read(buffer);
  return text ? parseStall(*text) : std::nullopt;
}

// The processes of a group and of those below it.
class Walk {
 public:
  Result<void> visit(int directory, std::size_t depth) {
    if (depth == kMaxGroupDepth || ++groups_ > kMaxGroupsWalked)
      return Error{ErrorCode::kUnavailable, "processes of a control group: more groups below it than are looked at"};
    RF_TRY(list(directory, depth));
    if (hasNoneBelow(directory)) return {};
    const auto entries = listDirectory(directory, ".", kMaxGroupsWalked + kFilesOfGroup);
    if (!entries) return failed(entries.error(), depth);
    for (const DirectoryEntry& entry : *entries) {
      if (!entry.mayBeDirectory) continue;
      const UniqueFd below(openat(directory, entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
      if (below) RF_TRY(visit(below.get(), depth + 1));  // else it is no group, or was removed meanwhile
    }
    return {};
  }

  std::vector<int> take() {
    std::sort(processes_.begin(), processes_.end());
    processes_.erase(std::unique(processes_.begin(), processes_.end()), processes_.end());
    return std::move(processes_);
  }

 private:
  // The kernel counts a directory's subdirectories in its links, where a file system counts them at all. To list the
  // hundred files of a group costs more than all else.
  static bool hasNoneBelow(int directory) {
    struct stat group {};
    return fstat(directory, &group) == 0 && group.st_nlink == 2;
  }

  static constexpr std::size_t kFilesOfGroup = 256;
  static constexpr Bytes kLongestList{kMaxProcessesListed * 8};

  Result<void> list(int directory, std::size_t depth) {
    const auto text = readFileAt(directory, "cgroup.procs", kLongestList);
    if (!text) return failed(text.error(), depth);
    const auto listed = parseProcessList(*text);
    if (!listed) return Error{ErrorCode::kInternal, "cgroup.procs of a control group is no list of processes"};
    processes_.insert(processes_.end(), listed->begin(), listed->end());
    if (processes_.size() > kMaxProcessesListed)
      return Error{ErrorCode::kUnavailable, "processes of a control group: more than are looked at"};
    return {};
  }

  static Result<void> failed(const Error& error, std::size_t depth) {
    // Of threads in a group of their own the group above lists the process. A group below may go while it is looked at.
    const bool gone = error.sysErrno == ENOENT || error.sysErrno == ENODEV;
    if (error.sysErrno == EOPNOTSUPP || (gone && depth > 0)) return {};
    if (gone) return posixError(ENOENT, "processes of a control group");
    return Error(error).with("processes of a control group");
  }

  std::vector<int> processes_;
  std::size_t groups_ = 0;
};

}  // namespace

GroupMeter::GroupMeter(const GroupPlaces& places) : memory_(versionOf(places.memory)), io_(versionOf(places.io)) {
  openCpu(places);
  files_[kMemory] = openOne(places.memory, "memory.usage_in_bytes", "memory.current");
  files_[kMemoryStat] = openOne(places.memory, "memory.stat", "memory.stat");
  files_[kMemoryPeak] = openOne(places.memory, "memory.max_usage_in_bytes", "memory.peak");
  files_[kSwap] = openOne(places.memory, nullptr, "memory.swap.current");  // v1 has it in memory.stat
  files_[kPids] = openOne(places.pids, "pids.current", "pids.current");
  files_[kIo] = openOne(places.io, "blkio.throttle.io_service_bytes_recursive", "io.stat");
  files_[kCpuPressure] = openOne(places.unified, nullptr, "cpu.pressure");
  files_[kMemoryPressure] = openOne(places.unified, nullptr, "memory.pressure");
  files_[kIoPressure] = openOne(places.unified, nullptr, "io.pressure");
  if (places.unified.directory >= 0)
    unified_.reset(openat(places.unified.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void GroupMeter::openCpu(const GroupPlaces& places) {
  // The unified group first: processes are in it in both layouts, those whose processor time another v1 group gives
  // too.
  std::array<char, kFileBuffer> buffer __attribute__((uninitialized));
  cpu_ = GroupVersion::kSecond;
  files_[kCpu] = openOne(places.unified, nullptr, "cpu.stat");
  if (readCpu(buffer)) return;
  cpu_ = versionOf(places.cpu);
  files_[kCpu] = openOne(places.cpu, "cpuacct.usage", "cpu.stat");
}

std::optional<std::uint64_t> GroupMeter::readCpu(std::span<char> buffer) const {
  if (cpu_ == GroupVersion::kFirst) {
    const auto nanoseconds = readNumber(files_[kCpu], buffer);
    return nanoseconds ? std::optional(*nanoseconds / kNanosecondsInUsec) : std::nullopt;
  }
  const auto text = files_[kCpu].read(buffer);
  return text ? findNumber(*text, "usage_usec") : std::nullopt;
}

bool GroupMeter::isMemoryStatDue(std::optional<std::uint64_t> memoryBytes) {
  if (!memoryBytes || !lastStatAt_ || ++leftOut_ >= kQuickReadingsOfStat) return true;
  const std::uint64_t change = std::max(*memoryBytes, *lastStatAt_) - std::min(*memoryBytes, *lastStatAt_);
  return change >= kLeastChange && change >= *lastStatAt_ / kPartThatChanged;
}

void GroupMeter::readMemory(Depth depth, std::span<char> buffer, GroupReading& reading) {
  reading.memoryBytes = readNumber(files_[kMemory], buffer);
  const bool isDue = depth == Depth::kFull || isMemoryStatDue(reading.memoryBytes);
  if (isDue) {
    const auto text = files_[kMemoryStat].read(buffer);
    lastStat_ = text ? parseMemoryStat(*text, memory_) : MemoryStat{};
    lastStatAt_ = reading.memoryBytes;
    leftOut_ = 0;
  }
  reading.anonymousBytes = lastStat_.anonymousBytes;
  reading.sharedBytes = lastStat_.sharedBytes;
  reading.anonymousRepeated = !isDue && reading.anonymousBytes.has_value();
  if (depth == Depth::kQuick) return;
  reading.swapBytes = files_[kSwap] ? readNumber(files_[kSwap], buffer) : lastStat_.swapBytes;
  reading.refaults = lastStat_.refaults;
  reading.memoryPeakBytes = readNumber(files_[kMemoryPeak], buffer);
}

void GroupMeter::readIo(std::span<char> buffer, std::span<const DeviceNumber> notDisks, GroupReading& reading) const {
  const auto text = files_[kIo].readWhole(buffer);
  if (!text) return;
  const auto bytes = io_ == GroupVersion::kFirst ? parseServiceBytes(*text, notDisks) : parseIoStat(*text, notDisks);
  if (!bytes) return;
  reading.ioReadBytes = bytes->read;
  reading.ioWriteBytes = bytes->written;
}

PressureTotals GroupMeter::readPressure() const {
  std::array<char, kPressureBuffer> buffer __attribute__((uninitialized));
  return {.cpuUsec = readStall(files_[kCpuPressure], buffer),
          .memoryUsec = readStall(files_[kMemoryPressure], buffer),
          .ioUsec = readStall(files_[kIoPressure], buffer)};
}

GroupReading GroupMeter::read(Depth depth, std::span<const DeviceNumber> notDisks) {
  std::array<char, kFileBuffer> buffer __attribute__((uninitialized));  // each part is written before it is read
  GroupReading reading;
  reading.cpuUsec = readCpu(buffer);
  readMemory(depth, buffer, reading);
  reading.pids = readNumber(files_[kPids], buffer);
  if (depth == Depth::kQuick) return reading;
  reading.pressure = readPressure();
  readIo(buffer, notDisks, reading);
  return reading;
}

Result<std::vector<int>> GroupMeter::processes() const {
  if (!unified_) return Error{ErrorCode::kUnsupported, "processes of a control group: it is in no unified hierarchy"};
  Walk walk;
  RF_TRY(walk.visit(unified_.get(), 0));
  return walk.take();
}

}  // namespace ringfence::supervisor
