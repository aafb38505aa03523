// Obeys the mount steps of a Plan: sources are opened while the host's mounts are in sight, then a fresh tmpfs becomes
// the root. Runs in the child; the steps add up to everything that exists inside.
#pragma once

#include <map>
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

class RootBuilder {
 public:
  // `idmap`: the exchange namespace, or -1. `token` is set to what a failure is called ("mount", "workspace").
  RootBuilder(const Plan& plan, int idmap, std::string& token)
      : plan_(plan), idmap_(idmap), token_(token), nodes_(plan.identity) {}

  // In the host's mount namespace, as root: opens each source with the caller's rights and takes a detached copy.
  Result<void> openSources(const std::vector<UniqueFd>& descriptors);
  // In a mount namespace of its own. `attachPoint`: any directory, to put the new root on before it becomes the root.
  Result<void> build(int attachPoint);

  const std::vector<std::string>& notes() const { return notes_; }
  // Empty files that were made so that a forbidden name is taken: to be removed when the run is over.
  struct Placeholder {
    UniqueFd directory;
    std::string name;
    std::uint64_t device = 0, inode = 0;
  };
  std::vector<Placeholder>& placeholders() { return placeholders_; }

 private:
  struct Source {
    UniqueFd tree;
    bool isDirectory = false;
  };

  Result<UniqueFd> openAsCaller(const BindPath& step);
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
  Result<void> pinAbove(const std::string& path);
  Result<void> holdPlace(const MaskPath& step, const std::string& path);
  Result<void> coverReadOnly(int object, const std::string& path);
  Result<void> coverEmpty(int object, const std::string& path);
  Result<void> ensureEmptyNodes();

  const Plan& plan_;
  int idmap_;
  std::string& token_;
  NodeMaker nodes_;
  UniqueFd root_;
  std::vector<Source> sources_;  // by step
  std::vector<std::string> notes_;
  std::vector<Placeholder> placeholders_;
  std::map<std::string, std::vector<GlobExpansion>> expansions_;  // by target, in the order of the steps
  bool hasEmptyNodes_ = false;
};

}  // namespace ringfence::sandbox
