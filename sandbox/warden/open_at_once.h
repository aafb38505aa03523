// The short way of open(2) for nearly all that an agent opens for writing: a file that exists, whose name no link leads
// to, and that the rules allow. It is opened with the access that was asked for instead of being pinned first and
// opened a second time; nothing is cut, recorded or given before it is proven which object that is.
//
// What it opens before that is judged by its text already, and reached by those very names: nothing more is done than
// the caller may do as often as it likes. Whatever is otherwise goes the long way, which says how it fails.
//
// The proof is the name that the opened object has, asked of the kernel; or, without asking, that it is the file
// (device, inode, birth) that had this very name when it was asked under these same rules. A directory above it that
// somebody renames while the kernel walks the name gains nothing then: the run was given this file, and could have kept
// it open ever since.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/deeds.h"
#include "sandbox/warden/rules.h"
#include "sandbox/wire/action_ring.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxKnownOpens = 1024;
inline constexpr std::size_t kMaxKnownName = 512;  // of a longer one the kernel is asked each time

struct AllowedOpen {
  EntryForm entry;
  bool recorded = true;
};

struct OpenedAtOnce {
  UniqueFd file;
  mode_t mode = 0;
  std::shared_ptr<const AllowedOpen> allowed;
  // Cuts what is to be cut, and makes of it what was asked for. 0 or errno.
  int settle(std::uint64_t flags) const;
  Handover handover() const;
};

// For as long as the same rules are in force. Threads may share one.
class OpensAtOnce {
 public:
  explicit OpensAtOnce(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}
  // Nothing: nothing was done.
  std::optional<OpenedAtOnce> open(const PathCall& call);

 private:
  struct Wanted {
    std::string name;
    GuardedCall call = GuardedCall::kUnknown;
    std::uint64_t access = 0;
    bool operator==(const Wanted&) const = default;
  };
  struct HashOfWanted {
    std::size_t operator()(const Wanted& wanted) const { return std::hash<std::string_view>{}(wanted.name); }
  };
  // What had that name.
  struct Known {
    FileIdentity file;
    std::shared_ptr<const AllowedOpen> allowed;
  };
  std::shared_ptr<const AllowedOpen> judge(const Wanted& wanted) const;
  std::optional<Known> find(const Wanted& wanted);
  void know(Wanted wanted, Known known);

  const std::shared_ptr<const Rules> rules_;
  std::mutex mutex_;
  std::unordered_map<Wanted, Known, HashOfWanted> known_;  // at most kMaxKnownOpens; of one more all are forgotten
};

// The long way found a file of this name on a file system that makes nobody wait: others beside it may be opened at
// once.
void knowAsPlain(std::string_view path);

}  // namespace ringfence::sandbox
