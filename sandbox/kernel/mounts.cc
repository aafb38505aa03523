#include "sandbox/kernel/mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "sandbox/kernel/abi.h"

namespace ringfence::sandbox {
namespace {

Result<UniqueFd> openTree(int object, unsigned flags, const std::string& name) {
  UniqueFd tree(::open_tree(object, "", flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (tree) return tree;
  if (errno == EINVAL) {
    return Error{ErrorCode::kInvalid, "binding " + name + ": it is on a mount of another mount namespace", EINVAL};
  }
  return posixError(errno, "binding " + name);
}

Result<void> setAttributes(int mount, const mount_attr& attributes, unsigned flags, const std::string& name) {
  auto copy = attributes;
  if (::mount_setattr(mount, "", AT_EMPTY_PATH | flags, &copy, sizeof copy) == 0) return {};
  const int error = errno;
  if ((attributes.attr_set & abi::kMountAttrIdmap) != 0 && (error == EINVAL || error == EPERM)) {
    return Error{ErrorCode::kUnsupported,
                 name + " is on " + filesystemName(mount) +
                     ", which cannot map ids; use identity \"caller\" or move it to another file system",
                 error};
  }
  return posixError(error, "setting the mount attributes of " + name);
}

Result<UniqueFd> openResolved(int root, const char* relative, int flags, const std::string& path,
                              std::uint64_t more = 0) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | more;
  for (;;) {
    UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, relative, &how, sizeof how)));
    if (fd) return fd;
    if (errno == EAGAIN || errno == EINTR) continue;
    if (errno == ELOOP) return Error{ErrorCode::kDenied, path + ": a symbolic link stands in the way", ELOOP};
    return posixError(errno, path);
  }
}

Result<void> checkTarget(const std::string& path) {
  if (path.empty() || path[0] != '/' || (path.size() > 1 && path.back() == '/')) {
    return Error{ErrorCode::kInvalid, "target " + path + " is not an absolute path"};
  }
  return {};
}

}  // namespace

Result<UniqueFd> cloneTree(int object, const std::string& name) { return openTree(object, AT_RECURSIVE, name); }
Result<UniqueFd> cloneMount(int object, const std::string& name) { return openTree(object, 0, name); }

Result<void> setTreeAttributes(int tree, const MountAttributes& attributes, const std::string& name) {
  mount_attr attr{};
  attr.attr_set = attributes.set;
  attr.propagation = MS_PRIVATE;
  if (attributes.idmap >= 0) {
    attr.attr_set |= abi::kMountAttrIdmap;
    attr.userns_fd = static_cast<std::uint64_t>(attributes.idmap);
  }
  return setAttributes(tree, attr, AT_RECURSIVE, name);
}

Result<void> setMountAttributes(int mount, std::uint64_t set, const std::string& name) {
  mount_attr attr{};
  attr.attr_set = set;
  return setAttributes(mount, attr, 0, name);
}

Result<UniqueFd> newFilesystem(const char* type, const MountOptions& options, std::uint64_t attributes) {
  const std::string what = std::string("making a ") + type;
  UniqueFd context(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context) return posixError(errno, what);
  for (const auto& [key, value] : options) {
    const int done = value.empty() ? ::fsconfig(context.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                                   : ::fsconfig(context.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0);
    if (done != 0) return posixError(errno, what + " with " + key);
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return posixError(errno, what);
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount) return posixError(errno, what);
  return mount;
}

Result<void> attachMount(int mount, int target, const std::string& name) {
  if (::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return posixError(errno, "mounting on " + name);
  }
  return {};
}

Result<UniqueFd> openBeneath(int root, const std::string& path, int flags) {
  RF_TRY(checkTarget(path));
  return openResolved(root, path.size() == 1 ? "." : path.c_str() + 1, flags, path);
}

Result<UniqueFd> openChild(int directory, const std::string& name, int flags, const std::string& path) {
  return openResolved(directory, name.c_str(), flags, path);
}

Result<UniqueFd> openChildOnMount(int directory, const std::string& name, int flags) {
  return openResolved(directory, name.c_str(), flags, name, RESOLVE_NO_XDEV);
}

std::string filesystemName(int fd) {
  struct Known {
    unsigned long magic;
    const char* name;
  };
  static constexpr std::array<Known, 12> kKnown{{{0x794c7630, "overlay"},
                                                 {0x6969, "nfs"},
                                                 {0x01021997, "9p"},
                                                 {0x01021994, "tmpfs"},
                                                 {0xef53, "ext4"},
                                                 {0x58465342, "xfs"},
                                                 {0x9123683e, "btrfs"},
                                                 {0x65735546, "fuse"},
                                                 {0xfe534d42, "cifs"},
                                                 {0x4d44, "vfat"},
                                                 {0x9fa0, "proc"},
                                                 {0x73717368, "squashfs"}}};
  struct statfs status {};
  if (::fstatfs(fd, &status) != 0) return "an unknown file system";
  for (const auto& known : kKnown) {
    if (known.magic == static_cast<unsigned long>(status.f_type)) return known.name;
  }
  char text[40];
  std::snprintf(text, sizeof text, "a file system of type 0x%lx", static_cast<unsigned long>(status.f_type));
  return text;
}

Result<void> unshareMounts() {
  if (::unshare(CLONE_NEWNS) != 0) return posixError(errno, "making a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return posixError(errno, "making the mount namespace private");
  }
  return {};
}

Result<void> enterRoot(int root) {
  if (::fchdir(root) != 0) return posixError(errno, "entering the new root");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return posixError(errno, "changing the root");
  if (::umount2(".", MNT_DETACH) != 0) return posixError(errno, "leaving the old root");
  if (::chdir("/") != 0) return posixError(errno, "entering the new root");
  return {};
}

}  // namespace ringfence::sandbox
