// The part of RootBuilder that works before the run is known.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/mounts.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/root.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

// What belongs to the system itself. Anything else may be on a disk that somebody wants to take out while a child
// waits.
bool isSystemPlace(const std::string& path) {
  static const char* const kPlaces[] = {"/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
  return std::ranges::any_of(kPlaces, [&](const char* place) { return isBelowOrSame(path, place); });
}

struct CanGoAhead {
  bool operator()(const MakeDirectory& step) const { return !step.ownedByRun; }
  bool operator()(const MakeFile& step) const { return !step.ownedByRun; }
  bool operator()(const MakeSymlink&) const { return true; }
  bool operator()(const MountTmpfs& step) const { return !step.ownedByRun; }
  bool operator()(const MountProc&) const { return true; }
  bool operator()(const MountDevpts&) const { return true; }
  // One that a policy gives is bound for its own run alone, never into a child that may become another.
  bool operator()(const BindDevice& step) const { return step.source.empty(); }
  bool operator()(const BindPath& step) const {
    return !step.idmapped && step.access == Access::kReadOnly && isSystemPlace(step.source);
  }
  bool operator()(const BindDescriptor&) const { return false; }
  bool operator()(const MaskPath&) const { return false; }
};

const std::string& targetOf(const MountStep& step) {
  return std::visit([](const auto& one) -> const std::string& { return one.target; }, step);
}

// Of the kinds that can go ahead; others are never the same. What a file holds is left out: it is looked at by adopt().
struct IsSame {
  bool operator()(const MakeDirectory& a, const MakeDirectory& b) const {
    return a.target == b.target && a.mode == b.mode && a.ownedByRun == b.ownedByRun;
  }
  bool operator()(const MakeFile& a, const MakeFile& b) const {
    return a.target == b.target && a.mode == b.mode && a.ownedByRun == b.ownedByRun;
  }
  bool operator()(const MakeSymlink& a, const MakeSymlink& b) const {
    return a.target == b.target && a.content == b.content;
  }
  bool operator()(const MountTmpfs& a, const MountTmpfs& b) const {
    return a.target == b.target && a.size == b.size && a.inodes == b.inodes && a.mode == b.mode &&
           a.ownedByRun == b.ownedByRun && a.noExec == b.noExec;
  }
  bool operator()(const MountProc& a, const MountProc& b) const { return a.target == b.target; }
  bool operator()(const MountDevpts& a, const MountDevpts& b) const { return a.target == b.target; }
  bool operator()(const BindDevice& a, const BindDevice& b) const {
    return a.target == b.target && a.source == b.source;
  }
  bool operator()(const BindPath& a, const BindPath& b) const {
    return a.source == b.source && a.target == b.target && a.access == b.access && a.idmapped == b.idmapped &&
           a.optional == b.optional && a.noExec == b.noExec;
  }
  template <typename A, typename B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

bool wantSame(const std::vector<MountStep>& mounts, const std::vector<MountStep>& others) {
  const auto ahead = stepsAhead(mounts), otherAhead = stepsAhead(others);
  return std::ranges::equal(ahead, otherAhead, [&](std::size_t one, std::size_t other) {
    return std::visit(IsSame{}, mounts[one], others[other]);
  });
}

// Since its end: a walk that takes long is no less true than one in the plan's own time would be.
constexpr std::chrono::milliseconds kWalkIsFresh{50};

const MaskPath* globMaskOf(const MountStep& step) {
  const auto* mask = std::get_if<MaskPath>(&step);
  return mask != nullptr && !mask->glob.empty() ? mask : nullptr;
}

bool isOtherFile(const MountStep& wanted, const MountStep& made) {
  const auto* file = std::get_if<MakeFile>(&wanted);
  return file != nullptr && file->content != std::get<MakeFile>(made).content;
}

// A file of the plan that a later step mounts something over.
bool isCovered(const std::vector<MountStep>& mounts, const std::string& file) {
  return std::ranges::any_of(mounts, [&](const MountStep& step) {
    return !std::holds_alternative<MakeFile>(step) && isBelowOrSame(targetOf(step), file);
  });
}

bool sameCaller(const Identity& one, const Identity& other) {
  return one.callerUid == other.callerUid && one.callerGid == other.callerGid && one.callerGroups == other.callerGroups;
}

// Something was mounted or unmounted since the table was opened. A kernel that cannot say counts as yes.
bool hasChanged(int mountTable) {
  pollfd watched{mountTable, POLLPRI, 0};
  return ::poll(&watched, 1, 0) != 0;
}

}  // namespace

bool isBelowOrSame(const std::string& path, const std::string& directory) {
  return path.starts_with(directory) &&
         (directory == "/" || path.size() == directory.size() || path[directory.size()] == '/');
}

std::vector<std::size_t> stepsAhead(const std::vector<MountStep>& mounts) {
  std::vector<std::size_t> ahead;
  std::vector<const std::string*> waiting;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const std::string& target = targetOf(mounts[i]);
    const bool free = std::ranges::none_of(waiting, [&](const std::string* other) {
      return isBelowOrSame(target, *other) || isBelowOrSame(*other, target);
    });
    if (free && std::visit(CanGoAhead{}, mounts[i]))
      ahead.push_back(i);
    else
      waiting.push_back(&target);
  }
  return ahead;
}

const std::string* workspaceTarget(const std::vector<MountStep>& mounts) {
  for (const MountStep& step : mounts) {
    const auto* given = std::get_if<BindDescriptor>(&step);
    if (given != nullptr && given->index == kWorkspaceDescriptor) return &given->target;
  }
  return nullptr;
}

std::vector<GlobQuery> globsBelow(const std::vector<MountStep>& mounts, const std::string& target) {
  std::vector<GlobQuery> globs;
  for (const MountStep& step : mounts) {
    const MaskPath* mask = globMaskOf(step);
    if (mask != nullptr && mask->target == target)
      globs.push_back({mask->glob, mask->maxMatches, mask->kind == MaskKind::kEmpty});
  }
  return globs;
}

bool isWorkspaceAlone(const std::vector<MountStep>& mounts) {
  const std::string* workspace = workspaceTarget(mounts);
  if (workspace == nullptr) return false;
  bool isMounted = false;
  for (const MountStep& step : mounts) {
    const std::string& target = targetOf(step);
    if (const MaskPath* mask = globMaskOf(step); mask != nullptr && target == *workspace) return isMounted;
    if (&target == workspace)
      isMounted = true;
    else if (isBelowOrSame(target, *workspace) || (isMounted && isBelowOrSame(*workspace, target)))
      return false;
  }
  return false;
}

Result<RootBuilder::Seen> RootBuilder::look(int object, const std::string& name) const {
  return lookAt(object, "", AT_EMPTY_PATH, name);
}

Result<RootBuilder::Seen> RootBuilder::lookAt(int directory, const char* path, int flags,
                                              const std::string& name) const {
  struct statx status {};
  if (::statx(directory, path, flags, STATX_INO | STATX_MNT_ID, &status) != 0)
    return posixError(errno, "looking at " + name);
  if ((status.stx_mask & STATX_MNT_ID) == 0)
    return Error{ErrorCode::kUnsupported, "this kernel does not tell what " + name + " is mounted on"};
  const std::uint64_t device = std::uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor;
  return Seen{false, device, status.stx_ino, status.stx_mnt_id};
}

Result<void> RootBuilder::buildAhead() {
  hostMounts_ = RF_TRY(openAt(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY));
  hostTable_ = RF_TRY(openAt(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY));
  pending_.assign(plan_->mounts.size(), false);
  for (const std::size_t i : stepsAhead(plan_->mounts)) pending_[i] = true;
  RF_TRY(openPaths());
  seen_.clear();
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    Seen seen{.absent = true};
    if (objects_[i]) seen = RF_TRY(look(objects_[i].get(), targetOf(plan_->mounts[i])));
    seen_.push_back(seen);
  }
  RF_TRY(openSources({}));
  RF_TRY(makeRoot());
  ownMounts_ = RF_TRY(openAt(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY));
  RF_TRY(performPending());
  sources_.clear();
  return enterRoot(root_.get());
}

Result<void> RootBuilder::walkAhead(int workspace) {
  walked_.reset();
  const std::string* target = workspaceTarget(plan_->mounts);
  if (target == nullptr) return {};
  RF_TRY(refuseHostInsides(workspace, "the workspace"));
  Walked walked{.workspace = RF_TRY(look(workspace, "the workspace")),
                .globs = globsBelow(plan_->mounts, *target),
                .answers = {},
                .ended = {}};
  walked.answers = RF_TRY(expandGlobs(workspace, walked.globs, folderMemory_));
  walked.ended = std::chrono::steady_clock::now();
  walked_ = std::move(walked);
  return {};
}

void RootBuilder::useWalk(const std::vector<UniqueFd>& descriptors) {
  auto walked = std::exchange(walked_, std::nullopt);
  if (!walked || std::chrono::steady_clock::now() - walked->ended > kWalkIsFresh) return;
  if (descriptors.size() <= kWorkspaceDescriptor || !isWorkspaceAlone(plan_->mounts)) return;
  const std::string& target = *workspaceTarget(plan_->mounts);
  if (walked->globs != globsBelow(plan_->mounts, target)) return;
  const auto seen = look(descriptors[kWorkspaceDescriptor].get(), target);
  if (seen && *seen == walked->workspace) expansions_[target] = std::move(walked->answers);
}

Result<void> RootBuilder::giveUp() { return hostMounts_ ? enterNamespace(hostMounts_.get(), "mount") : Result<void>{}; }

// Each path again, as the caller: what it may not reach any more, or what is another object now, was not built.
Result<bool> RootBuilder::isAsSeen() {
  if (hasChanged(hostTable_.get())) return false;
  const CallerRights rights = RF_TRY(CallerRights::assume(plan_->identity));
  for (std::size_t i = 0; i < plan_->mounts.size(); ++i) {
    const auto* path = std::get_if<BindPath>(&plan_->mounts[i]);
    if (path == nullptr || !pending_[i]) continue;
    auto now = lookAt(AT_FDCWD, path->source.c_str(), AT_NO_AUTOMOUNT, path->source);
    const bool isAbsent = !now && path->optional && isOutOfReach(now.error().sysErrno);
    if (!now && !isAbsent) return std::move(now).error();
    if (seen_[i] != (isAbsent ? Seen{.absent = true} : *now)) return false;
  }
  return true;
}

Result<bool> RootBuilder::adopt(const Plan& plan) {
  RF_TRY(enterNamespace(hostMounts_.get(), "mount"));
  const bool same = sameCaller(plan.identity, plan_->identity) && wantSame(plan.mounts, plan_->mounts);
  if (!same) return false;
  auto asSeen = isAsSeen();
  if (!asSeen || !*asSeen) return false;  // What cannot be looked at again is built again, and says why it cannot.
  pending_.assign(plan.mounts.size(), true);
  const auto wanted = stepsAhead(plan.mounts), made = stepsAhead(plan_->mounts);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    pending_[wanted[i]] = isOtherFile(plan.mounts[wanted[i]], plan_->mounts[made[i]]);
    if (!pending_[wanted[i]]) continue;
    const std::string& target = targetOf(plan.mounts[wanted[i]]);
    if (isCovered(plan.mounts, target)) return false;
    stale_.push_back(target);
  }
  plan_ = &plan;
  nodes_.setRun(plan.identity);
  return true;
}

// The files that this plan wants other content in.
Result<void> RootBuilder::removeStale() {
  for (const std::string& path : std::exchange(stale_, {})) {
    const std::size_t slash = path.rfind('/');
    const UniqueFd parent =
        RF_TRY(openBeneath(root_.get(), slash == 0 ? "/" : path.substr(0, slash), O_PATH | O_DIRECTORY));
    RF_TRY(requireOwn(parent.get(), path));
    if (::unlinkat(parent.get(), path.c_str() + slash + 1, 0) != 0)
      return posixError(errno, "making " + path + " anew");
  }
  return {};
}

}  // namespace ringfence::sandbox
