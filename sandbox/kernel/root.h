// Obeys the mount steps of a Plan: sources are opened while the host's mounts are in sight, then a fresh tmpfs becomes
// the root. Runs in the child; the steps add up to everything that exists inside.
//
// A child that waits for its plan may do ahead what an earlier plan of its class asked for and what is the same for
// every run: /proc, /dev, the system's own directories. It is used when the plan that comes asks for exactly this and
// the host, looked at again with the caller's rights, still has it; else everything is built anew.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/kernel/masks.h"
#include "sandbox/kernel/nodes.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

inline constexpr const char* kEmptyDirectory = "/.ringfence-empty";

// What /proc inside shows read-only, and what it does not show at all. Entries that a kernel lacks are skipped.
std::vector<std::string> readOnlyProcEntries();
std::vector<std::string> hiddenProcEntries();

// Of a path that may be left out: nothing is there for the caller.
bool isOutOfReach(int error);
// Fails with kDenied for what no policy can grant.
Result<void> refuseHostInsides(int object, const std::string& name);
bool isBelowOrSame(const std::string& path, const std::string& directory);

// Steps that can be done before the run is known: nothing in them is the run's own, and no step that must wait is above
// or below their place, so the order between the two does not matter. Pure.
std::vector<std::size_t> stepsAhead(const std::vector<MountStep>& mounts);

// Where the plan mounts the workspace; null: nowhere. Pure.
const std::string* workspaceTarget(const std::vector<MountStep>& mounts);
// The globs that are masked below a directory, in the order of the steps. Pure.
std::vector<GlobQuery> globsBelow(const std::vector<MountStep>& mounts, const std::string& target);
// What a walk of the workspace alone finds is what is there at the first of its globs: no step before that puts
// anything into it or over it. Pure.
bool isWorkspaceAlone(const std::vector<MountStep>& mounts);

class RootBuilder {
 public:
  // `attachPoint`: any directory of the host, to put the new root on before it becomes the root. `token` is set to what
  // a failure is called ("mount", "workspace"). `folders`: what earlier walks read; null: nothing.
  RootBuilder(const Plan& plan, const char* attachPoint, std::string& token, FolderMemory* folders = nullptr)
      : plan_(&plan), attachPoint_(attachPoint), token_(token), folderMemory_(folders), nodes_(plan.identity) {}

  // In the host's mount namespace, as root; afterwards in one of its own. `plan` must live until adopt().
  Result<void> buildAhead();
  // After buildAhead(): answers the globs that its plan has for the workspace. build() uses the answers if its plan has
  // the same globs and brings the same object a moment later; else, as after a failure, it walks for itself.
  Result<void> walkAhead(int workspace);
  // After a failure of buildAhead(): back to the host's mount namespace; this builder is of no use then.
  Result<void> giveUp();
  // Goes back to the host's mount namespace. True: what was built ahead is part of `plan`, which takes the place of the
  // one it was built for. False: this builder is of no use.
  Result<bool> adopt(const Plan& plan);

  // An empty file that was made so that a forbidden name is taken: to be removed when the run is over.
  struct Placeholder {
    std::shared_ptr<const UniqueFd> directory;
    std::string name;
    std::uint64_t device = 0, inode = 0;
  };
  using TellOfHeld = std::function<Result<void>(const std::vector<Placeholder>&)>;

  // In the host's mount namespace, as root; afterwards in one of its own, which has the root of the plan. Sources are
  // opened with the caller's rights. `idmap`: the exchange namespace, or -1. `tell` hears of placeholders as soon as
  // they are made, before anything else is done: a launch may be killed at any moment, and they are in somebody's
  // folder. Where it fails they are gone again.
  Result<void> build(const std::vector<UniqueFd>& descriptors, int idmap, const TellOfHeld& tell);

  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Source {
    UniqueFd tree;
    bool isDirectory = false;
  };

  // What a path led to when it was bound; absent: nothing, and the bind is optional.
  struct Seen {
    bool absent = false;
    std::uint64_t device = 0, inode = 0, mount = 0;
    bool operator==(const Seen&) const = default;
  };

  struct Walked {
    Seen workspace;
    std::vector<GlobQuery> globs;
    std::vector<GlobExpansion> answers;
    std::chrono::steady_clock::time_point ended;
  };

  // A folder of masked names that cannot be moved any more, as it was when it was pinned.
  struct Folder {
    std::shared_ptr<const UniqueFd> directory;
    Seen seen;
  };
  // An absent name that is going to be held.
  struct Held {
    const MaskPath* step = nullptr;
    std::string path;
    std::shared_ptr<const UniqueFd> directory;
  };

  Result<void> openPaths();
  Result<Seen> look(int object, const std::string& name) const;
  Result<Seen> lookAt(int directory, const char* path, int flags, const std::string& name) const;
  Result<bool> isAsSeen();
  Result<void> removeStale();
  void useWalk(const std::vector<UniqueFd>& descriptors);
  Result<void> openSources(const std::vector<UniqueFd>& descriptors);
  Result<void> makeRoot();
  Result<void> performPending();
  Result<Source> takeCopy(UniqueFd object, const std::string& name, std::uint64_t attributes, bool idmapped);
  Result<void> attachSource(Source& source, const std::string& target);

  Result<void> perform(std::size_t index, const MakeDirectory& step);
  Result<void> perform(std::size_t index, const MakeFile& step);
  Result<void> perform(std::size_t index, const MakeSymlink& step);
  Result<void> perform(std::size_t index, const MountTmpfs& step);
  Result<void> perform(std::size_t index, const MountProc& step);
  Result<void> perform(std::size_t index, const MountDevpts& step);
  Result<void> perform(std::size_t index, const BindDevice& step);
  Result<void> perform(std::size_t index, const BindPath& step);
  Result<void> perform(std::size_t index, const BindDescriptor& step);
  Result<void> perform(std::size_t index, const MaskPath& step);

  Result<void> requireOwn(int object, const std::string& path) const;
  Result<void> makeOwnFile(const std::string& path, const std::string& content, unsigned mode, bool ownedByRun);
  Result<void> expandBelow(const std::string& target);
  Result<void> maskOne(const MaskPath& step, const std::string& path);
  Result<void> maskInstead(const MaskPath& step, const std::string& path);
  Result<void> pinAbove(const std::string& path);
  Result<Folder*> pinnedFolder(const std::string& path);
  Result<void> holdPlaces();
  Result<void> tellOfHeld(const std::vector<Held>& held, const std::vector<NodeMaker::Name>& names);
  Result<void> coverHeld(const Held& place, const NodeMaker::Name& made);
  Result<void> finishMasks();
  Result<void> coverReadOnly(int object, const std::string& path);
  Result<void> coverEmpty(int object, const std::string& path);
  Result<void> ensureEmptyNodes();

  const Plan* plan_;
  const char* attachPoint_;
  int idmap_ = -1;
  std::string& token_;
  FolderMemory* folderMemory_;
  NodeMaker nodes_;
  UniqueFd root_;
  std::vector<bool> pending_;                    // by step: to be done in this phase
  std::vector<UniqueFd> objects_;                // by step, while sources are opened
  std::vector<Source> sources_;                  // by step
  std::vector<Seen> seen_;                       // by step of the plan that was built ahead
  UniqueFd hostMounts_, hostTable_, ownMounts_;  // only when something was built ahead
  std::vector<std::string> stale_;               // files that were made ahead with other content
  std::optional<Walked> walked_;
  std::vector<std::string> notes_;
  const TellOfHeld* tell_ = nullptr;
  std::size_t heldCount_ = 0;
  std::map<std::string, std::vector<GlobExpansion>> expansions_;  // by target, in the order of the steps
  std::map<std::string, Folder> folders_;                         // by path, while a row of masks is worked on
  std::vector<Held> held_;
  bool saidFull_ = false;  // that no further absent name of a pattern is held
  UniqueFd emptyDirectory_, emptyFile_;
};

}  // namespace ringfence::sandbox
