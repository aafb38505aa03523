#include "sandbox/kernel/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "sandbox/kernel/mounts.h"
#include "sdk/base/bounded_text.h"
#include "sdk/base/directory.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kBlock = 512;  // of stat
constexpr std::size_t kShownPath = 1024;

Error stopped() { return {ErrorCode::kUnavailable, "it was stopped before its end", ECANCELED}; }

Result<Directory> openLevel(int parent, const std::string& name) {
  UniqueFd fd = RF_TRY(openChildOnMount(parent, name, O_RDONLY | O_DIRECTORY));
  return Directory::of(std::move(fd), name);
}

bool isNotEmpty(int error) { return error == ENOTEMPTY || error == EEXIST; }

// One way through a tree that is to go.
class Emptying {
 public:
  Emptying(Directory top, const std::stop_token& stop) : stop_(stop) { levels_.push_back({std::move(top), {}}); }

  Result<void> run();
  bool hasChanged() const { return hasChanged_; }
  const std::optional<Error>& trouble() const { return trouble_; }

 private:
  struct Level {
    Directory directory;
    std::string name;  // in the level above
  };
  int at() const { return levels_.back().directory.fd(); }
  void remove(const std::string& name);
  void enter(const std::string& name);
  void leave();
  void moveUp(const std::string& name);
  void note(int error, const std::string& name);

  const std::stop_token& stop_;
  std::vector<Level> levels_;
  std::optional<Error> trouble_;  // the first
  bool hasChanged_ = false;
  std::uint64_t moved_ = 0;
};

Result<void> Emptying::run() {
  for (;;) {
    if (stop_.stop_requested()) return stopped();
    Directory& directory = levels_.back().directory;
    if (const dirent* entry = directory.next()) {
      remove(entry->d_name);
      continue;
    }
    if (directory.trouble() != 0) note(directory.trouble(), ".");
    if (levels_.size() == 1) return {};
    leave();
  }
}

void Emptying::remove(const std::string& name) {
  if (::unlinkat(at(), name.c_str(), 0) == 0) {
    hasChanged_ = true;
    return;
  }
  if (errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) return note(errno, name);
  if (::unlinkat(at(), name.c_str(), AT_REMOVEDIR) == 0)
    hasChanged_ = true;
  else if (!isNotEmpty(errno))
    note(errno, name);
  else if (levels_.size() < kMaxTreeDepth)
    enter(name);
  else
    moveUp(name);
}

void Emptying::enter(const std::string& name) {
  auto below = openLevel(at(), name);
  if (below)
    levels_.push_back({std::move(*below), name});
  else
    note(below.error().sysErrno, name);
}

// What did not go makes it stay, and has been noted or goes on the next way.
void Emptying::leave() {
  const std::string name = std::move(levels_.back().name);
  levels_.pop_back();
  if (::unlinkat(at(), name.c_str(), AT_REMOVEDIR) == 0)
    hasChanged_ = true;
  else if (!isNotEmpty(errno))
    note(errno, name);
}

// Below the top under a name that is free, for the next way.
void Emptying::moveUp(const std::string& name) {
  const int top = levels_.front().directory.fd();
  for (;;) {
    const std::string free = "moved-" + std::to_string(moved_++);
    if (::renameat(at(), name.c_str(), top, free.c_str()) == 0) {
      hasChanged_ = true;
      return;
    }
    if (!isNotEmpty(errno) && errno != ENOTDIR) return note(errno, name);
  }
}

void Emptying::note(int error, const std::string& name) {
  if (trouble_) return;
  std::string path;
  for (const Level& level : levels_) path += level.name.empty() ? "" : level.name + "/";
  const char* hint = error == EBUSY || error == EXDEV ? " (is something mounted there?)" : "";
  trouble_ = posixError(error, "removing " + std::string(beginningOf(path + name, kShownPath)) + hint);
}

}  // namespace

Result<TreeSize> measureTree(int parent, const std::string& name, const std::stop_token& stop) {
  TreeSize size;
  std::vector<Directory> levels;
  levels.push_back(RF_TRY(openLevel(parent, name)));
  for (std::uint64_t entries = 0; !levels.empty();) {
    if (stop.stop_requested()) return stopped();
    const dirent* entry = levels.back().next();
    if (entry == nullptr) {
      if (levels.back().trouble() != 0) size.isMore = true;
      levels.pop_back();
      continue;
    }
    if (++entries > kMaxEntriesMeasured) {
      size.isMore = true;
      return size;
    }
    struct statx about {};
    if (::statx(levels.back().fd(), entry->d_name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                STATX_TYPE | STATX_NLINK | STATX_BLOCKS, &about) != 0) {
      if (errno != ENOENT) size.isMore = true;
      continue;
    }
    if ((about.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
      size.hasMounts = true;
      continue;
    }
    const bool isDirectory = S_ISDIR(about.stx_mode);
    size.bytes += about.stx_blocks * kBlock / (isDirectory ? 1 : std::max<std::uint64_t>(about.stx_nlink, 1));
    if (!isDirectory) continue;
    if (levels.size() == kMaxTreeDepth) {
      size.isMore = true;
      continue;
    }
    auto below = openLevel(levels.back().fd(), entry->d_name);
    if (below)
      levels.push_back(std::move(*below));
    else if (below.error().sysErrno == EXDEV)
      size.hasMounts = true;
    else if (below.error().sysErrno != ENOENT)
      size.isMore = true;
  }
  return size;
}

Result<void> removeTree(int parent, const std::string& name, const std::stop_token& stop) {
  for (;;) {
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    if (!isNotEmpty(errno)) return posixError(errno, "removing " + name);
    Emptying emptying(RF_TRY(openLevel(parent, name)), stop);
    RF_TRY(emptying.run());
    if (emptying.hasChanged()) continue;
    if (emptying.trouble()) return *emptying.trouble();
    return Error{ErrorCode::kBusy, "removing " + name + ": somebody goes on writing to it", ENOTEMPTY};
  }
}

}  // namespace ringfence::sandbox
