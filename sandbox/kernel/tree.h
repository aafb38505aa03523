// A tree that somebody else wrote, who may still write it: how large it is, and its end. Symbolic links are entries
// like others and never followed, other mounts are never entered, and what is not below the tree is never reached.
// However deep it is, kMaxTreeDepth descriptors are enough. Both block as long as the disk needs.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxTreeDepth = 64;
inline constexpr std::uint64_t kMaxEntriesMeasured = 20'000'000;

struct TreeSize {
  std::uint64_t bytes = 0;  // on the disk; of a file with several names, each is a part
  bool isMore = false;      // there is more: deeper, beyond kMaxEntriesMeasured, or not to be read
  bool hasMounts = false;   // something else is mounted in it
};
// Of the directory `name` in `parent`, which is one name. Fails with EXDEV where that is a mount, with kUnavailable
// when it is stopped.
Result<TreeSize> measureTree(int parent, const std::string& name, const std::stop_token& stop);

// Its end. What is too deep is moved up to `name` first, so nobody may need the tree any more. Absent: removed already.
// Fails naming the first entry that could not be removed, when everything else is; with kUnavailable when it is
// stopped.
Result<void> removeTree(int parent, const std::string& name, const std::stop_token& stop);

}  // namespace ringfence::sandbox
