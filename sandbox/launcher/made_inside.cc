#include "sandbox/launcher/made_inside.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "sandbox/kernel/masks.h"
#include "sandbox/kernel/path_calls.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxTold = 16;
using Masks = std::vector<const MaskPath*>;

bool notifiesEachOpen(const SeccompTable& table) {
  return std::ranges::any_of(table.rules, [](const SeccompRule& rule) {
    return rule.call == "openat" && rule.action == SeccompAction::kNotify && rule.checks.empty();
  });
}

// What was there at launch, or was held for it, is a mount.
bool isMade(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && !mayBeMountPoint(path);
}

std::string repositoryOf(const std::string& path) {
  constexpr std::string_view kGit = "/.git/";
  const std::size_t git = path.find(kGit);
  return git == std::string::npos ? path : path.substr(0, git + kGit.size() - 1);
}

class Told {
 public:
  void add(const std::string& path, const std::string& why) {
    if (!seen_.insert(path).second) return;
    if (list_.size() < kMaxTold) list_.push_back(path + " (" + why + ")");
  }
  std::vector<std::string> take() {
    if (seen_.size() > list_.size()) list_.push_back(std::to_string(seen_.size() - list_.size()) + " more");
    return std::move(list_);
  }

 private:
  std::set<std::string> seen_;
  std::vector<std::string> list_;
};

void addMade(const std::string& target, const Masks& masks, Told& told) {
  std::vector<GlobQuery> queries;
  for (const MaskPath* mask : masks) queries.push_back({.pattern = mask->glob, .maxMatches = mask->maxMatches});
  auto directory = openAt(AT_FDCWD, target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return;
  const auto expansions = expandGlobs(directory->get(), queries);
  if (!expansions) return told.add(target, expansions.error().message);
  bool cut = false;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const GlobExpansion& expansion = (*expansions)[i];
    cut = cut || expansion.cut;
    for (const auto* names : {&expansion.matches, &expansion.links}) {
      for (const std::string& name : *names) {
        const std::string path = target + "/" + name;
        if (isMade(path)) told.add(repositoryOf(path), masks[i]->origin);
      }
    }
  }
  if (cut) told.add(target, "there is too much in it to look at all of it");
}

}  // namespace

std::vector<std::string> madeDespitePatterns(const Plan& plan) {
  if (!plan.guards.warden || notifiesEachOpen(plan.seccomp)) return {};
  std::map<std::string, Masks> masks;  // by the directory that they are about
  for (const MountStep& step : plan.mounts) {
    const auto* mask = std::get_if<MaskPath>(&step);
    if (mask != nullptr && mask->kind == MaskKind::kReadOnly && !mask->glob.empty())
      masks[mask->target].push_back(mask);
  }
  Told told;
  for (const auto& [target, wanted] : masks) addMade(target, wanted, told);
  return told.take();
}

}  // namespace ringfence::sandbox
