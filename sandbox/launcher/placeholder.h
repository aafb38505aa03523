// What holds the places of forbidden names while runs last, and its removal afterwards.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxPlaceholders = 256;

struct Placeholder {
  std::shared_ptr<const UniqueFd> directory;
  std::string name;
  std::uint64_t device = 0, inode = 0;
  std::shared_ptr<const Identity> rights;  // the run's own: its directory is the user's
  std::uint32_t owner = 0;                 // the user whose run it was

  // From a report: name, NUL, device, NUL, inode, NUL for each file of a directory.
  static Result<std::vector<Placeholder>> of(UniqueFd directory, std::string_view text, const Identity& run);
  // Only when it is still the same one and unwritten; with the rights that are assumed, which are to be its `rights`.
  // Blocks on its file system.
  void remove() const;
};

// Removes them in processes of its own, one for each owner at a time, with the runs' rights. A directory is its
// owner's, who can keep whoever works in it waiting for ever: by a file system that does not answer, or by holding its
// lock. So an owner is waited for a moment, and never again once that was not enough. What cannot be removed stays, and
// means nothing. One helper stays for the next time; it ends with whoever started it.
class PlaceholderRemover {
 public:
  void remove(std::vector<Placeholder> placeholders);

 private:
  struct Helper {
    int pid = -1;
    UniqueFd orders;
    std::uint32_t owner = 0;
    std::size_t unanswered = 0;
  };
  static std::optional<Helper> start();
  static bool give(Helper& helper, const std::vector<Placeholder>& files);
  static bool takeAnswers(Helper& helper);
  std::optional<Helper> helperFor(std::uint32_t owner, const std::vector<Placeholder>& files);
  void keep(Helper helper);
  void reap();

  std::optional<Helper> idle_;
  std::vector<Helper> late_;          // at most one of an owner
  std::vector<int> leaving_;          // to be reaped
  std::set<std::uint32_t> unwaited_;  // owners
};

}  // namespace ringfence::sandbox
