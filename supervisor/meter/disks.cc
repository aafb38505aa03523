#include "supervisor/meter/disks.h"

#include <sys/stat.h>

#include <algorithm>
#include <limits>

#include "sdk/base/io.h"
#include "supervisor/meter/kernel_file.h"

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kMaxBlockDevices = 1024;  // partitions too
constexpr Bytes kLongestTable{256 * 1024};

// They pass on, or are memory, also while they stand for nothing and have no slaves.
constexpr std::string_view kPassingOn[] = {"loop", "ram", "zram", "dm-", "md", "bcache", "drbd"};

std::uint64_t together(std::uint64_t one, std::uint64_t other) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(one, other, &sum) ? std::numeric_limits<std::uint64_t>::max() : sum;
}

}  // namespace

bool Disks::hasSlaves(int sys, const std::string& directory) {
  const auto slaves = listDirectory(sys, directory + "/slaves", kMaxBlockDevices);
  return slaves ? !slaves->empty() : slaves.error().code == ErrorCode::kUnavailable;  // more than are looked at
}

Disks::Kind Disks::kindOf(const MeterRoots& roots, const std::string& name) {
  if (std::any_of(std::begin(kPassingOn), std::end(kPassingOn), [&](auto prefix) { return name.starts_with(prefix); }))
    return Kind::kPassesOn;
  // "cciss/c0d0" is cciss!c0d0 there.
  std::string inSysfs = name;
  std::replace(inSysfs.begin(), inSysfs.end(), '/', '!');
  const std::string directory = "block/" + inSysfs;
  struct stat found {};
  if (inSysfs.starts_with('.') || fstatat(roots.sys.get(), directory.c_str(), &found, 0) != 0) return Kind::kPartition;
  // Paths to one disk are hidden beside it.
  if (readShortFile(roots.sys.get(), directory + "/hidden") == "1") return Kind::kPassesOn;
  return hasSlaves(roots.sys.get(), directory) ? Kind::kPassesOn : Kind::kDisk;
}

Disks::Known Disks::Known::of(const DiskLine& line, Kind kind) {
  Known known{line.device, line.name, kind, {}, {}};
  (void)known.read.begin(line.bytes.read);
  (void)known.written.begin(line.bytes.written);
  return known;
}

void Disks::Known::take(const ByteCounts& bytes) {
  (void)read.take(bytes.read);
  (void)written.take(bytes.written);
}

void Disks::note(const MeterRoots& roots, const DiskLine& line, std::vector<Known>& before) {
  const auto same = std::find_if(before.begin(), before.end(),
                                 [&](const Known& one) { return one.device == line.device && one.name == line.name; });
  if (same == before.end()) {
    known_.push_back(Known::of(line, kindOf(roots, line.name)));
  } else {
    same->take(line.bytes);
    // A disk that was just found may not have been in sysfs yet.
    if (same->kind == Kind::kPartition) same->kind = kindOf(roots, line.name);
    known_.push_back(std::move(*same));
    before.erase(same);
  }
  if (known_.back().kind == Kind::kPassesOn) notDisks_.push_back(line.device);
}

std::optional<ByteCounts> Disks::read(const MeterRoots& roots) {
  struct stat found {};
  if (fstatat(roots.sys.get(), "block", &found, 0) != 0) return std::nullopt;  // else all would be partitions
  const auto text = readFileAt(roots.proc.get(), "diskstats", kLongestTable);
  const auto lines = text ? parseDiskStats(*text) : std::nullopt;
  if (!lines || lines->size() > kMaxBlockDevices) return std::nullopt;

  std::vector<Known> before = std::exchange(known_, {});
  notDisks_.clear();
  for (const DiskLine& line : *lines) note(roots, line, before);
  std::sort(notDisks_.begin(), notDisks_.end());

  const auto count = [](ByteCounts& sum, const Known& disk) {
    if (disk.kind != Kind::kDisk) return;
    sum = {together(sum.read, disk.read.total()), together(sum.written, disk.written.total())};
  };
  for (Known& disk : before) {
    if (known_.size() < kMaxBlockDevices)
      known_.push_back(std::move(disk));
    else
      count(forgotten_, disk);
  }
  ByteCounts sum = forgotten_;
  for (const Known& disk : known_) count(sum, disk);
  return sum;
}

}  // namespace ringfence::supervisor
