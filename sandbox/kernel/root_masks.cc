// The part of RootBuilder that takes away: /proc's dangerous entries and `forbid` inside what was granted.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sandbox/kernel/abi.h"
#include "sandbox/kernel/masks.h"
#include "sandbox/kernel/mounts.h"
#include "sandbox/kernel/root.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

// Of patterns: each is a file that is made for the run, and what the launcher remembers of such files is bounded.
constexpr std::size_t kMaxHeldByPatterns = 128;
constexpr std::uint64_t kCovered = abi::kMountAttrNoSuid | abi::kMountAttrNoDev | abi::kMountAttrReadOnly;

bool isDirectory(int object) {
  struct stat status {};
  return ::fstat(object, &status) == 0 && S_ISDIR(status.st_mode);
}

bool isFile(int object) {
  struct stat status {};
  return ::fstat(object, &status) == 0 && S_ISREG(status.st_mode);
}

bool isReadOnly(int object) {
  struct statvfs status {};
  return ::fstatvfs(object, &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

bool isSymlink(int object) {
  struct stat status {};
  return ::fstat(object, &status) == 0 && S_ISLNK(status.st_mode);
}

// Whether something is mounted exactly here. A kernel that cannot say counts as no.
bool isMountPoint(int object) {
  struct statx status {};
  return ::statx(object, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) == 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool isNothing(int error) { return error == ENOENT || error == ENOTDIR; }

bool isRefused(int error) { return error == EACCES || error == EPERM; }

bool belongsTo(std::uint32_t uid, int object) {
  struct stat status {};
  return ::fstat(object, &status) != 0 || status.st_uid == uid;
}

std::string parentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string below(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

}  // namespace

std::vector<std::string> readOnlyProcEntries() { return {"sys", "irq", "bus", "fs", "sysrq-trigger"}; }

std::vector<std::string> hiddenProcEntries() {
  return {"kcore",       "kmsg",        "keys",    "key-users",  "kallsyms",    "timer_list", "latency_stats",
          "sched_debug", "iomem",       "ioports", "interrupts", "vmallocinfo", "slabinfo",   "kpagecount",
          "kpageflags",  "kpagecgroup", "acpi",    "asound",     "scsi",        "config.gz"};
}

Result<void> RootBuilder::ensureEmptyNodes() {
  if (emptyFile_) return {};
  const std::string base = kEmptyDirectory;
  RF_TRY(perform(0, MakeDirectory{base, 0700, false}));
  RF_TRY(perform(0, MakeDirectory{base + "/directory", 0, false}));
  RF_TRY(makeOwnFile(base + "/file", "", 0, false));
  emptyDirectory_ = RF_TRY(openBeneath(root_.get(), base + "/directory", O_PATH));
  emptyFile_ = RF_TRY(openBeneath(root_.get(), base + "/file", O_PATH));
  return {};
}

Result<void> RootBuilder::coverReadOnly(int object, const std::string& path) {
  UniqueFd tree = RF_TRY(cloneTree(object, path));
  RF_TRY(setTreeAttributes(tree.get(), {kCovered, -1}, path));
  return attachMount(tree.get(), object, path);
}

Result<void> RootBuilder::coverEmpty(int object, const std::string& path) {
  RF_TRY(ensureEmptyNodes());
  const bool hidesDirectory = isDirectory(object);
  const std::string node = std::string(kEmptyDirectory) + (hidesDirectory ? "/directory" : "/file");
  UniqueFd mount = RF_TRY(cloneMount((hidesDirectory ? emptyDirectory_ : emptyFile_).get(), node));
  RF_TRY(setTreeAttributes(mount.get(), {kCovered | abi::kMountAttrNoExec, -1}, node));
  return attachMount(mount.get(), object, path);
}

Result<void> RootBuilder::perform(std::size_t, const MountProc& step) {
  const std::uint64_t attributes = abi::kMountAttrNoSuid | abi::kMountAttrNoDev | abi::kMountAttrNoExec;
  UniqueFd proc = RF_TRY(newFilesystem("proc", {}, attributes));
  UniqueFd place = RF_TRY(nodes_.ensureDirectory(root_.get(), step.target, 0555));
  RF_TRY(attachMount(proc.get(), place.get(), step.target));
  // Belongs to the pid namespace: what is made by memfd_create inside cannot be executed. Absent on kernels before
  // 6.3, where what is made without MFD_EXEC, which seccomp refuses, can be executed all the same.
  auto noExec = writeFileAt(proc.get(), "sys/vm/memfd_noexec", "1");
  if (!noExec && noExec.error().sysErrno != ENOENT) return noExec;
  for (const auto& name : readOnlyProcEntries()) {
    auto entry = openAt(proc.get(), name, O_PATH | O_NOFOLLOW);
    if (entry) RF_TRY(coverReadOnly(entry->get(), below(step.target, name)));
  }
  for (const auto& name : hiddenProcEntries()) {
    auto entry = openAt(proc.get(), name, O_PATH | O_NOFOLLOW);
    if (entry) RF_TRY(coverEmpty(entry->get(), below(step.target, name)));
  }
  return {};
}

// What is read-only in a writable folder could be renamed away together with that folder, and another be made under the
// old name; what is hidden could be moved about while the masks of the next run on this workspace are built, and so be
// missed. A mount point cannot be renamed: each folder between the place and the mount that it is in becomes one.
Result<void> RootBuilder::pinAbove(const std::string& path) {
  std::vector<std::string> unpinned;
  for (std::string folder = parentOf(path); folder != "/"; folder = parentOf(folder)) {
    auto object = openBeneath(root_.get(), folder, O_PATH | O_DIRECTORY);
    if (!object) return {};  // Not there, or no folder: nothing of the kind is below it either.
    if (isMountPoint(object->get())) break;
    unpinned.push_back(folder);
  }
  for (auto folder = unpinned.rbegin(); folder != unpinned.rend(); ++folder) {
    UniqueFd object = RF_TRY(openBeneath(root_.get(), *folder, O_PATH | O_DIRECTORY));
    UniqueFd tree = RF_TRY(cloneTree(object.get(), *folder));
    RF_TRY(attachMount(tree.get(), object.get(), *folder));
  }
  return {};
}

// The folder of what is masked: above it nothing can be renamed any more. Null where it does not exist.
Result<RootBuilder::Folder*> RootBuilder::pinnedFolder(const std::string& path) {
  const std::string name = parentOf(path);
  if (const auto known = folders_.find(name); known != folders_.end()) return &known->second;
  RF_TRY(pinAbove(path));
  auto directory = openBeneath(root_.get(), name, O_PATH | O_DIRECTORY);
  if (!directory) {
    if (isNothing(directory.error().sysErrno)) return nullptr;
    return std::move(directory).error();
  }
  if (!isMountPoint(directory->get()))
    return Error{ErrorCode::kDenied, name + " was moved while what is in it was masked; nothing was started"};
  Seen seen = RF_TRY(look(directory->get(), name));
  return &folders_.emplace(name, Folder{std::make_shared<const UniqueFd>(std::move(*directory)), seen}).first->second;
}

// An absent name that must not be made later: an empty socket takes its place while the run lasts, where its directory
// exists. All of a row are made at once, because taking the run's rights costs more than making a file.
Result<void> RootBuilder::holdPlaces() {
  const auto held = std::exchange(held_, {});
  std::vector<NodeMaker::Name> names;
  for (const auto& place : held)
    names.push_back({.directory = place.directory->get(),
                     .name = place.path.substr(place.path.rfind('/') + 1),
                     .inGitFolder = place.path.find("/.git/") != std::string::npos});
  RF_TRY(nodes_.holdNames(names));
  if (auto told = tellOfHeld(held, names); !told) {
    nodes_.letGoOfNames(names);  // Nobody else would.
    return told;
  }
  for (std::size_t i = 0; i < held.size(); ++i) RF_TRY(coverHeld(held[i], names[i]));
  return {};
}

Result<void> RootBuilder::tellOfHeld(const std::vector<Held>& held, const std::vector<NodeMaker::Name>& names) {
  std::vector<Placeholder> made;
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (names[i].error == 0) made.push_back({held[i].directory, names[i].name, names[i].device, names[i].inode});
  }
  heldCount_ += made.size();
  return made.empty() ? Result<void>{} : (*tell_)(made);
}

Result<void> RootBuilder::coverHeld(const Held& place, const NodeMaker::Name& made) {
  if (made.error == EROFS) return {};  // Nothing can be made there anyway.
  // The run may make nothing there, and may not give itself the right to.
  if (isRefused(made.error) && !belongsTo(plan_->identity.uid, place.directory->get())) return {};
  // Somebody made it meanwhile: then it is like any other that is there.
  auto node = made.error == 0 || made.error == EEXIST
                  ? openChild(place.directory->get(), made.name, O_PATH, place.path)
                  : Result<UniqueFd>(posixError(made.error, "holding the name " + place.path));
  if (!node) {
    return std::move(node).error().with("the rule at " + place.step->origin +
                                        " cannot be enforced: the place of a forbidden name cannot be held");
  }
  return coverReadOnly(node->get(), place.path);
}

// Ends a row of masks: what is held is made, and each folder is still where its masks are meant to be.
Result<void> RootBuilder::finishMasks() {
  RF_TRY(holdPlaces());
  for (const auto& [name, folder] : folders_) {
    auto now = openBeneath(root_.get(), name, O_PATH | O_DIRECTORY);
    if (!now || RF_TRY(look(now->get(), name)) != folder.seen)
      return Error{ErrorCode::kDenied, name + " was moved while what is in it was masked; nothing was started"};
  }
  folders_.clear();
  return {};
}

Result<void> RootBuilder::maskOne(const MaskPath& step, const std::string& path) {
  const auto refuse = [&step](Error error) {
    return std::move(error).with("the rule at " + step.origin + " cannot be enforced");
  };
  const std::string name = path.substr(path.rfind('/') + 1);
  const auto open = [&]() -> Result<UniqueFd> {
    const auto known = folders_.find(parentOf(path));
    if (known == folders_.end()) return openBeneath(root_.get(), path, O_PATH | O_NOFOLLOW);
    return openChild(known->second.directory->get(), name, O_PATH | O_NOFOLLOW, path);
  };
  auto object = open();
  const bool isAbsent = !object && isNothing(object.error().sysErrno);
  if (!object && !isAbsent) return refuse(std::move(object).error());
  if (object && isSymlink(object->get())) return refuse(Error{ErrorCode::kDenied, path + " is a symbolic link"});
  if (isAbsent && step.kind == MaskKind::kEmpty) return {};
  const bool wasPinned = folders_.contains(parentOf(path));
  Folder* folder = RF_TRY(pinnedFolder(path));
  if (isAbsent && folder == nullptr) return maskInstead(step, path);
  if (isAbsent && !step.glob.empty() && held_.size() + heldCount_ >= kMaxHeldByPatterns) {
    if (!std::exchange(saidFull_, true))
      notes_.push_back("not held, because there are too many: " + path + " and further absent names of patterns (" +
                       step.origin + ")");
    return {};
  }
  if (isAbsent) {
    held_.push_back({&step, path, folder->directory});
    return {};
  }
  // Through the folders as they are pinned: what was moved meanwhile is not taken for hidden.
  if (!wasPinned) object = open();
  if (!object) return refuse(std::move(object).error().with("it was moved while the run was built"));
  std::erase_if(folders_, [&](const auto& known) { return isBelowOrSame(known.first, path); });  // Out of sight now.
  return step.kind == MaskKind::kReadOnly ? coverReadOnly(object->get(), path) : coverEmpty(object->get(), path);
}

// A file where the folder of a forbidden name would be, such as the .git of a linked work tree or of a submodule, which
// says where that folder is: in its place another could lead to, or be, a folder with that name in it.
Result<void> RootBuilder::maskInstead(const MaskPath& step, const std::string& path) {
  const std::string folder = parentOf(path);
  const auto object = openBeneath(root_.get(), folder, O_PATH | O_NOFOLLOW);
  if (object && isFile(object->get())) {
    // Another rule about that folder came first.
    const bool isCovered = isMountPoint(object->get()) && isReadOnly(object->get());
    return isCovered ? Result<void>() : maskOne(step, folder);
  }
  notes_.push_back(path + " cannot be held read-only: its directory does not exist (" + step.origin + ")");
  return {};
}

// One walk answers every glob of a directory.
Result<void> RootBuilder::expandBelow(const std::string& target) {
  if (expansions_.contains(target)) return {};
  std::vector<GlobExpansion>& answers = expansions_[target];
  const std::vector<GlobQuery> queries = globsBelow(plan_->mounts, target);
  auto directory = openBeneath(root_.get(), target, O_PATH | O_DIRECTORY);
  if (!directory) {
    if (!isNothing(directory.error().sysErrno)) return std::move(directory).error();
    answers.resize(queries.size());
    return {};
  }
  answers = RF_TRY(expandGlobs(directory->get(), queries, folderMemory_));
  return {};
}

Result<void> RootBuilder::perform(std::size_t index, const MaskPath& step) {
  if (step.glob.empty()) return maskOne(step, step.target);
  RF_TRY(holdPlaces());  // A pattern meets what rules before it made.
  RF_TRY(expandBelow(step.target));
  std::size_t place = 0;  // of this step among the globs of its directory
  for (std::size_t i = 0; i < index; ++i) {
    const auto* mask = std::get_if<MaskPath>(&plan_->mounts[i]);
    place += mask != nullptr && !mask->glob.empty() && mask->target == step.target ? 1 : 0;
  }
  const GlobExpansion& expansion = expansions_.at(step.target).at(place);
  for (const auto& match : expansion.matches) RF_TRY(maskOne(step, below(step.target, match)));
  if (!expansion.links.empty()) {
    const std::size_t more = expansion.links.size() - 1;
    notes_.push_back("not held, because it is a symbolic link: " + below(step.target, expansion.links.front()) +
                     (more > 0 ? " and " + std::to_string(more) + " more" : "") + " (" + step.origin + ")");
  }
  if (expansion.cut) {
    notes_.push_back("expanded only " + std::to_string(expansion.matches.size()) + " matches of " + step.glob +
                     " under " + step.target + "; the rest stays in sight (" + step.origin + ")");
  }
  return {};
}

}  // namespace ringfence::sandbox
