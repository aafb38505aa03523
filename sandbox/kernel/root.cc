#include "sandbox/kernel/root.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "sandbox/kernel/abi.h"
#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/mounts.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/plan/never_given.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kAlways = abi::kMountAttrNoSuid | abi::kMountAttrNoDev;
// A device node on a nodev mount cannot be opened.
constexpr std::uint64_t kDeviceAttributes = abi::kMountAttrNoSuid | abi::kMountAttrNoExec;

std::uint64_t attributesFor(Access access) {
  return kAlways | (access == Access::kReadOnly ? abi::kMountAttrReadOnly : 0);
}

std::string octal(std::uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%o", mode);
  return text;
}

}  // namespace

// No grant reaches the host's root, or its proc, sys and cgroup files, under whatever name they were asked for: a name
// may have become a symbolic link after the policy was judged.
Result<void> refuseHostInsides(int object, const std::string& name) {
  struct statfs filesystem {};
  if (::fstatfs(object, &filesystem) != 0) return posixError(errno, "looking at " + name);
  const auto magic = static_cast<unsigned long>(filesystem.f_type);
  if (magic == PROC_SUPER_MAGIC || magic == SYSFS_MAGIC || magic == CGROUP_SUPER_MAGIC ||
      magic == CGROUP2_SUPER_MAGIC) {
    return Error{ErrorCode::kDenied, name + " is a kernel file system; no policy can grant it", EACCES};
  }
  std::string real(4096, '\0');
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(object)).c_str(), real.data(), real.size());
  if (length < 0) return posixError(errno, "asking for the path of " + name);
  real.resize(static_cast<std::size_t>(length));
  if (const std::string_view place = neverGiven(real); !place.empty())
    return Error{ErrorCode::kDenied, name + " leads into " + std::string(place) + "; no policy can grant it", EACCES};
  struct stat host {
  }, status{};
  if (::stat("/", &host) != 0 || ::fstat(object, &status) != 0) return posixError(errno, "looking at " + name);
  if (host.st_dev == status.st_dev && host.st_ino == status.st_ino) {
    return Error{ErrorCode::kDenied, name + " is the root directory; no policy can grant it", EACCES};
  }
  return {};
}

// A directory or file there would be granted past every rule about paths.
Result<void> requireDevice(int object, const std::string& name) {
  struct stat status {};
  if (::fstat(object, &status) != 0) return posixError(errno, "looking at " + name);
  if (S_ISCHR(status.st_mode)) return {};
  return Error{ErrorCode::kDenied, name + " is no character device; nothing else is bound below /dev", EACCES};
}

bool isOutOfReach(int error) { return error == ENOENT || error == ENOTDIR || error == EACCES; }

// All paths in one go with the caller's rights: taking them and giving them up is six calls.
Result<void> RootBuilder::openPaths() {
  const std::size_t count = plan_->mounts.size();
  objects_.clear();
  objects_.resize(count);
  bool hasPaths = false;
  for (std::size_t i = 0; i < count; ++i) hasPaths |= pending_[i] && std::holds_alternative<BindPath>(plan_->mounts[i]);
  if (!hasPaths) return {};
  CallerRights rights = RF_TRY(CallerRights::assume(plan_->identity));
  for (std::size_t i = 0; i < count; ++i) {
    const auto* path = std::get_if<BindPath>(&plan_->mounts[i]);
    if (path == nullptr || !pending_[i]) continue;
    auto object = openAt(AT_FDCWD, path->source, O_PATH);
    if (object)
      objects_[i] = std::move(*object);
    else if (!path->optional || !isOutOfReach(object.error().sysErrno))
      return std::move(object).error();
  }
  return {};
}

Result<RootBuilder::Source> RootBuilder::takeCopy(UniqueFd object, const std::string& name, std::uint64_t attributes,
                                                  bool idmapped) {
  struct stat status {};
  if (::fstat(object.get(), &status) != 0) return posixError(errno, "looking at " + name);
  Source source;
  source.isDirectory = S_ISDIR(status.st_mode);
  source.tree = RF_TRY(cloneTree(object.get(), name));
  if (idmapped && idmap_ < 0) return Error{ErrorCode::kInternal, name + ": no id map was made for this run"};
  RF_TRY(setTreeAttributes(source.tree.get(), {attributes, idmapped ? idmap_ : -1}, name));
  return source;
}

Result<void> RootBuilder::openSources(const std::vector<UniqueFd>& descriptors) {
  token_ = "mount";
  RF_TRY(openPaths());
  sources_.clear();
  sources_.resize(plan_->mounts.size());
  for (std::size_t i = 0; i < plan_->mounts.size(); ++i) {
    if (!pending_[i]) continue;
    token_ = "mount";
    if (const auto* path = std::get_if<BindPath>(&plan_->mounts[i])) {
      if (!objects_[i]) {
        notes_.push_back(path->source + " does not exist for the caller and was left out");
        continue;
      }
      RF_TRY(refuseHostInsides(objects_[i].get(), path->source));
      const std::uint64_t noExec = path->noExec ? abi::kMountAttrNoExec : 0;
      sources_[i] = RF_TRY(takeCopy(UniqueFd(objects_[i].release()), path->source, attributesFor(path->access) | noExec,
                                    path->idmapped));
    } else if (const auto* given = std::get_if<BindDescriptor>(&plan_->mounts[i])) {
      if (given->index == kWorkspaceDescriptor) token_ = "workspace";
      if (given->index >= descriptors.size())
        return Error{ErrorCode::kInvalid, "no descriptor came for " + given->target};
      const int object = descriptors[given->index].get();
      // The private home is opened by the daemon itself, wherever its state is kept.
      if (given->index != kHomeDescriptor) RF_TRY(refuseHostInsides(object, given->target));
      UniqueFd own(::fcntl(object, F_DUPFD_CLOEXEC, 0));
      if (!own) return posixError(errno, "keeping the descriptor of " + given->target);
      sources_[i] = RF_TRY(takeCopy(std::move(own), given->target, attributesFor(given->access), given->idmapped));
    } else if (const auto* device = std::get_if<BindDevice>(&plan_->mounts[i])) {
      const std::string& name = device->source.empty() ? device->target : device->source;
      UniqueFd node = RF_TRY(openAt(AT_FDCWD, name, O_PATH | O_NOFOLLOW));
      RF_TRY(requireDevice(node.get(), name));
      sources_[i] = RF_TRY(takeCopy(std::move(node), device->target, kDeviceAttributes, false));
    }
  }
  return {};
}

// The namespace of the caller becomes one of its own with the new root somewhere in it.
Result<void> RootBuilder::makeRoot() {
  token_ = "mount";
  RF_TRY(unshareMounts());
  // The directory as it is seen from the namespace just made.
  const UniqueFd place = RF_TRY(openAt(AT_FDCWD, attachPoint_, O_PATH | O_DIRECTORY));
  root_ = RF_TRY(newFilesystem("tmpfs", {{"mode", "0755"}, {"size", "16m"}, {"nr_inodes", "4096"}}, kAlways));
  RF_TRY(nodes_.addOwn(root_.get()));
  return attachMount(root_.get(), place.get(), "/");
}

Result<void> RootBuilder::performPending() {
  for (std::size_t i = 0; i < plan_->mounts.size(); ++i) {
    if (!pending_[i]) continue;
    const auto* given = std::get_if<BindDescriptor>(&plan_->mounts[i]);
    token_ = given != nullptr && given->index == kWorkspaceDescriptor ? "workspace" : "mount";
    if (!std::holds_alternative<MaskPath>(plan_->mounts[i])) RF_TRY(finishMasks());
    RF_TRY(std::visit([this, i](const auto& step) { return perform(i, step); }, plan_->mounts[i]));
  }
  token_ = "mount";
  return finishMasks();
}

Result<void> RootBuilder::build(const std::vector<UniqueFd>& descriptors, int idmap, const TellOfHeld& tell) {
  const bool begun = static_cast<bool>(root_);
  idmap_ = idmap;
  tell_ = &tell;
  if (!begun) pending_.assign(plan_->mounts.size(), true);
  RF_TRY(openSources(descriptors));
  useWalk(descriptors);
  if (begun)
    RF_TRY(enterNamespace(ownMounts_.get(), "mount"));
  else
    RF_TRY(makeRoot());
  RF_TRY(removeStale());
  RF_TRY(performPending());
  RF_TRY(setMountAttributes(root_.get(), abi::kMountAttrReadOnly, "/"));
  return begun ? Result<void>{} : enterRoot(root_.get());
}

Result<void> RootBuilder::attachSource(Source& source, const std::string& target) {
  auto place =
      source.isDirectory ? nodes_.ensureDirectory(root_.get(), target, 0755) : nodes_.ensureFile(root_.get(), target);
  if (!place) return std::move(place).error();
  return attachMount(source.tree.get(), place->get(), target);
}

Result<void> RootBuilder::perform(std::size_t, const MakeDirectory& step) {
  if (openBeneath(root_.get(), step.target, O_PATH)) return {};
  UniqueFd made = RF_TRY(nodes_.ensureDirectory(root_.get(), step.target, step.mode));
  RF_TRY(requireOwn(made.get(), step.target));
  UniqueFd open = RF_TRY(openBeneath(root_.get(), step.target, O_RDONLY | O_DIRECTORY));
  if (step.ownedByRun && ::fchown(open.get(), plan_->identity.uid, plan_->identity.gid) != 0) {
    return posixError(errno, "giving " + step.target + " to the run");
  }
  if (::fchmod(open.get(), step.mode & 07777) != 0) return posixError(errno, "setting the mode of " + step.target);
  return {};
}

// Content, owner and mode are given as root, so only where nobody else can put another node in the way.
Result<void> RootBuilder::requireOwn(int object, const std::string& path) const {
  if (nodes_.isOwn(object)) return {};
  return Error{ErrorCode::kInvalid, path + " is in what came from the host; nothing is made there for a run"};
}

Result<void> RootBuilder::makeOwnFile(const std::string& path, const std::string& content, unsigned mode,
                                      bool ownedByRun) {
  const std::size_t slash = path.rfind('/');
  const std::string parentPath = slash == 0 ? "/" : path.substr(0, slash);
  UniqueFd parent = RF_TRY(nodes_.ensureDirectory(root_.get(), parentPath, 0755));
  RF_TRY(requireOwn(parent.get(), path));
  UniqueFd file = RF_TRY(openAt(parent.get(), path.substr(slash + 1), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode));
  RF_TRY(writeAll(file.get(), content, path));
  if (ownedByRun && ::fchown(file.get(), plan_->identity.uid, plan_->identity.gid) != 0) {
    return posixError(errno, "giving " + path + " to the run");
  }
  if (::fchmod(file.get(), mode & 07777) != 0) return posixError(errno, "setting the mode of " + path);
  return {};
}

Result<void> RootBuilder::perform(std::size_t, const MakeFile& step) {
  return makeOwnFile(step.target, step.content, step.mode, step.ownedByRun);
}

Result<void> RootBuilder::perform(std::size_t, const MakeSymlink& step) {
  const std::size_t slash = step.target.rfind('/');
  if (slash == std::string::npos)
    return Error{ErrorCode::kInvalid, "target " + step.target + " is not an absolute path"};
  UniqueFd parent = RF_TRY(nodes_.ensureDirectory(root_.get(), slash == 0 ? "/" : step.target.substr(0, slash), 0755));
  RF_TRY(requireOwn(parent.get(), step.target));
  if (::symlinkat(step.content.c_str(), parent.get(), step.target.c_str() + slash + 1) != 0) {
    return posixError(errno, "making the symbolic link " + step.target);
  }
  return {};
}

Result<void> RootBuilder::perform(std::size_t, const MountTmpfs& step) {
  MountOptions options{{"mode", octal(step.mode)}, {"size", std::to_string(step.size.count)}};
  if (step.inodes != 0) options.emplace_back("nr_inodes", std::to_string(step.inodes));
  if (step.ownedByRun) {
    options.emplace_back("uid", std::to_string(plan_->identity.uid));
    options.emplace_back("gid", std::to_string(plan_->identity.gid));
  }
  UniqueFd mount = RF_TRY(newFilesystem("tmpfs", options, kAlways | (step.noExec ? abi::kMountAttrNoExec : 0)));
  RF_TRY(nodes_.addOwn(mount.get()));
  UniqueFd place = RF_TRY(nodes_.ensureDirectory(root_.get(), step.target, 0755));
  return attachMount(mount.get(), place.get(), step.target);
}

Result<void> RootBuilder::perform(std::size_t, const MountDevpts& step) {
  UniqueFd mount =
      RF_TRY(newFilesystem("devpts", {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}}, kDeviceAttributes));
  UniqueFd place = RF_TRY(nodes_.ensureDirectory(root_.get(), step.target, 0755));
  return attachMount(mount.get(), place.get(), step.target);
}

Result<void> RootBuilder::perform(std::size_t index, const BindDevice& step) {
  return attachSource(sources_[index], step.target);
}

Result<void> RootBuilder::perform(std::size_t index, const BindPath& step) {
  if (!sources_[index].tree) return {};
  return attachSource(sources_[index], step.target);
}

Result<void> RootBuilder::perform(std::size_t index, const BindDescriptor& step) {
  return attachSource(sources_[index], step.target);
}

}  // namespace ringfence::sandbox
