// The short way of open(2) for nearly all that an agent opens, for writing and, where reads are heard of, for reading:
// a file or directory that exists and that the rules allow; one for writing without a link in its name. It is opened
// with the access that was asked for instead of being pinned first and opened a second time; nothing is cut, recorded
// or given before it is proven which object that is.
//
// What is opened for reading is pinned first all the same: a FIFO that is opened so that it cannot block is seen by its
// writer. But not a known directory, nor a known file where nobody of the run can put a FIFO in its place. That there
// is nothing of a name is an answer too, and nobody judges it.
//
// What it opens before that is judged by its text already, and reached by those very names: nothing more is done than
// the caller may do as often as it likes. Whatever is otherwise goes the long way, which says how it fails.
//
// The proof is the name that the opened object has, asked of the kernel; or, without asking, that it is the file
// (device, inode, birth) that had this very name when it was asked under these same rules. A directory above it that
// somebody renames while the kernel walks the name gains nothing then: the run was given this file, and could have kept
// it open ever since. /dev/null proves itself: it is the same one everywhere. So it is with a name in which links are,
// and the file that they led to under a name of its own. For reading, which nobody records, a name below a folder that
// has stayed open ever since is such a name: what the folder is called now is not asked.
#pragma once

#include <sys/types.h>

#include <cstdint>
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

inline constexpr std::size_t kMaxKnownOpens = 2048;
inline constexpr std::size_t kMaxKnownName = 512;  // of a longer one the kernel is asked each time

struct AllowedOpen {
  std::optional<EntryForm> entry;  // nothing: it is not recorded
};

struct OpenedAtOnce {
  UniqueFd file;
  mode_t mode = 0;
  std::uint64_t flags = 0;  // it was opened with
  std::shared_ptr<const AllowedOpen> allowed;
  int error = 0;  // in place of all that: what the call fails with
  // Cuts what is to be cut, and makes of it what was asked for. 0 or errno.
  int settle(std::uint64_t asked) const;
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
  enum class Way {
    kByName,     // no link is in it
    kFixed,      // the same, and the run cannot write there
    kWithLinks,  // for reading alone
  };
  // A name below a folder that stays open.
  struct Below {
    std::uint64_t folder = 0;  // Folder::number
    std::string text;
    bool operator==(const Below&) const = default;
  };
  struct HashOfBelow {
    std::size_t operator()(const Below& below) const {
      return std::hash<std::string_view>{}(below.text) ^ below.folder * 0x9e3779b97f4a7c15;
    }
  };
  // What had that name, or was where it led.
  struct Known {
    FileIdentity file;
    std::shared_ptr<const AllowedOpen> allowed;
    Way way = Way::kByName;
  };
  // `path`: what it is called, where the name that is wanted has links in it.
  std::shared_ptr<const AllowedOpen> judge(const Wanted& wanted, std::string path) const;
  static std::optional<Below> belowOf(const PathCall& call);
  std::optional<OpenedAtOnce> openByName(const PathCall& call, const Wanted& wanted, UniqueFd pinned);
  std::optional<OpenedAtOnce> openAgain(const PathCall& call, const Known& known);
  std::optional<OpenedAtOnce> openPinned(const PathCall& call, const Wanted& wanted, std::optional<Known> known,
                                         UniqueFd pinned);
  std::shared_ptr<const AllowedOpen> prove(const Wanted& wanted, const FileLook& found, int pinned, Way way);
  std::optional<OpenedAtOnce> openDirectly(const PathCall& call, const Wanted& wanted, std::optional<Known> known);
  std::optional<OpenedAtOnce> openNull(const PathCall& call, const Wanted& wanted);
  std::optional<Known> find(const Wanted& wanted);
  std::optional<Known> find(const Below& below);
  void know(const Wanted& wanted, Known known);
  void know(Below below, const Wanted& wanted);

  const std::shared_ptr<const Rules> rules_;
  std::mutex mutex_;
  // Of each at most kMaxKnownOpens; of one more all are forgotten.
  std::unordered_map<Wanted, Known, HashOfWanted> known_;
  std::unordered_map<Below, Known, HashOfBelow> below_;
};

// The long way found a file of this name on a file system that makes nobody wait: others beside it may be opened at
// once.
void knowAsPlain(std::string_view path);

}  // namespace ringfence::sandbox
