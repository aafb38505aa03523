// Empty files that hold the places of forbidden names while runs last, and their removal afterwards.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxPlaceholders = 256;

// Whether a file system may keep whoever asks it waiting: one that is not known to answer from this machine counts so.
enum class Disk { kMayBlock, kLocal };

struct Placeholder {
  std::shared_ptr<const UniqueFd> directory;
  std::string name;
  std::uint64_t device = 0, inode = 0;
  Disk disk = Disk::kMayBlock;
  std::shared_ptr<const Identity> rights;  // the run's own: its directory is the user's

  // From a report: name, NUL, device, NUL, inode, NUL for each file of a directory.
  static Result<std::vector<Placeholder>> of(UniqueFd directory, Disk disk, std::string_view text, const Identity& run);
  // Only when it is still the same one, unwritten, and the run could remove it itself. Blocks on its file system.
  void remove() const;
  // With the rights that the calling task has.
  void removeAsIs() const;
};

// In a process of its own, with the run's rights. File systems that are the user's and may never answer are not waited
// for longer than a moment. What cannot be removed stays, and means nothing.
void removeAll(std::vector<Placeholder> placeholders);

}  // namespace ringfence::sandbox
