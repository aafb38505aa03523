// What the paths of calls are relative to, as objects. Nearly all calls of a program are relative to the same few
// directories: those are kept open, so that for the next call it is enough to look which one it is.
//
//   SharedFolder folder = RF_OR_ERRNO(openFolder(proc, "4711/cwd"));
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/or_errno.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxKeptFolders = 16;

struct Folder {
  UniqueFd fd;  // O_PATH
  // Of a directory in a mount of this run, on a file system that makes nobody wait. Nothing: it may be whatever a
  // descriptor stands for.
  std::optional<FolderIdentity> plain;
  bool isRoot = false;       // of the run; said of plain ones
  std::uint64_t number = 0;  // of a plain one: its own, and no other's after it
};
using SharedFolder = std::shared_ptr<const Folder>;

// What a link in a /proc directory leads to, whatever that is; errno as openat(2). A plain one that is kept is the same
// object in the same mount: being open, it keeps its number and that of its mount.
OrErrno<SharedFolder> openFolder(int proc, const std::string& link);

}  // namespace ringfence::sandbox
