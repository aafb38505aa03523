// The mount system calls of the descriptor kind, each with an error that names its object. Nothing here follows a
// symbolic link below a root: what a run may have planted in a directory that was granted cannot lead elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

// A detached copy of the tree at `object`, submounts included. The object must be in the caller's mount namespace.
Result<UniqueFd> cloneTree(int object, const std::string& name);
// The same without submounts.
Result<UniqueFd> cloneMount(int object, const std::string& name);

struct MountAttributes {
  std::uint64_t set = 0;  // abi::kMountAttr…
  int idmap = -1;         // a user namespace, with kMountAttrIdmap
};
// On the whole tree, which also leaves every propagation group. Fails naming `name` and its kind of file system when
// that cannot map ids.
Result<void> setTreeAttributes(int tree, const MountAttributes& attributes, const std::string& name);
// On one mount only.
Result<void> setMountAttributes(int mount, std::uint64_t set, const std::string& name);

// A new file system as a detached mount. An option with an empty value is a flag.
using MountOptions = std::vector<std::pair<std::string, std::string>>;
Result<UniqueFd> newFilesystem(const char* type, const MountOptions& options, std::uint64_t attributes);

Result<void> attachMount(int mount, int target, const std::string& name);

// `path` ("/a/b") below `root`; O_PATH, never through a symbolic link, never above `root`.
Result<UniqueFd> openBeneath(int root, const std::string& path, int flags);
// The same for one name in a directory; `path` is what an error calls it.
Result<UniqueFd> openChild(int directory, const std::string& name, int flags, const std::string& path);
// The same, and where something else is mounted it fails with EXDEV.
Result<UniqueFd> openChildOnMount(int directory, const std::string& name, int flags);
// "overlay", "nfs", …, or the magic number.
std::string filesystemName(int fd);

// Makes the caller's mount namespace its own, of which nothing propagates in or out.
Result<void> unshareMounts();
// `root` becomes "/" and the old root is gone.
Result<void> enterRoot(int root);

}  // namespace ringfence::sandbox
