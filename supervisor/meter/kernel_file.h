// Files of /proc, /sys and control groups: one kept open and read with one pread(), and the names in a directory.
//
//   const KernelFile usage = KernelFile::open(group, "memory.current");
//   if (const auto text = usage.readWhole(buffer)) …      // absent: this kernel has no such file, or it is gone
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {

class KernelFile {
 public:
  KernelFile() = default;
  // Below `directory` (-1: nowhere). One that cannot be opened is one that says nothing.
  static KernelFile open(int directory, const std::string& name);

  explicit operator bool() const { return static_cast<bool>(fd_); }
  // What fits into `buffer`, which the result points into; absent: it cannot be read (any more). Only for files that
  // the kernel writes in one piece, which are all but lists that it walks.
  std::optional<std::string_view> read(std::span<char> buffer) const;
  // Absent as well when there may be more than fits.
  std::optional<std::string_view> readWhole(std::span<char> buffer) const;
  // Of a list that the kernel walks, piece by piece; what changes meanwhile may be missing or twice. Absent when there
  // may be more than fits.
  std::optional<std::string_view> readList(std::span<char> buffer) const;

 private:
  std::optional<std::size_t> readAt(std::span<char> buffer, std::size_t offset) const;

  UniqueFd fd_;
};

// Larger than any file of a control group or of sysfs, but for one with a line for each of hundreds of disks.
inline constexpr std::size_t kFileBuffer = 16384;

// Opens, reads at most 4 KiB and closes: what comes and goes, or is looked at seldom. Absent when it cannot be read
// whole. The text has no white space at its end.
std::optional<std::string> readShortFile(int directory, const std::string& path);

struct DirectoryEntry {
  std::string name;
  bool mayBeDirectory = false;  // not a link to one
};
// Sorted by name, without "." and "..". Fails with kUnavailable when there are more than `limit` entries.
Result<std::vector<DirectoryEntry>> listDirectory(int directory, const std::string& path, std::size_t limit);

}  // namespace ringfence::supervisor
