// Empty files that hold the places of forbidden names while runs last, and their removal afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxPlaceholders = 256;

struct Placeholder {
  UniqueFd directory;
  std::string name;
  std::uint64_t device = 0, inode = 0;
  Identity rights;  // the run's own: its directory is the user's

  // From the text of a report: name, NUL, device, NUL, inode.
  static Result<Placeholder> of(UniqueFd directory, std::string_view text, const Identity& run);
  // Only when it is still the same empty file, and the run could remove it itself. Blocks on its file system.
  void remove() const;
};

// In a process of its own, because the file systems are the user's and may never answer; returns when it is done, or
// after a moment. What cannot be removed stays, as an empty file.
void removeAll(const std::vector<Placeholder>& placeholders);

}  // namespace ringfence::sandbox
