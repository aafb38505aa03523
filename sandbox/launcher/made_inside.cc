#include "sandbox/launcher/made_inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <memory>
#include <set>
#include <variant>

#include "policy/triggers.h"
#include "sandbox/kernel/masks.h"
#include "sandbox/kernel/path_calls.h"
#include "sandbox/plan/paths.h"
#include "sandbox/plan/writable_places.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxTold = 16;
constexpr std::uint32_t kMaxLookedAt = 100'000;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxChanged = 4096;       // kept until they are put in order
constexpr std::size_t kMaxChangedTold = 64;     // with
constexpr std::size_t kMaxChangedBytes = 4096;  // in all
constexpr std::size_t kMaxShownPath = 256;
using Masks = std::vector<const MaskPath*>;

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

void addMade(const std::string& target, const Masks& masks, FolderMemory& folders, Told& told) {
  std::vector<GlobQuery> queries;
  for (const MaskPath* mask : masks) queries.push_back({.pattern = mask->glob, .maxMatches = mask->maxMatches});
  auto directory = openAt(AT_FDCWD, target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return;
  const auto expansions = expandGlobs(directory->get(), queries, &folders);
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
  if (cut) told.add(target, "not all of it could be looked at");
}

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::int64_t clockNs(clockid_t clock) {
  timespec time{};
  (void)::clock_gettime(clock, &time);  // of clocks that every kernel has
  return nanoseconds(time);
}

// One look through places that the run could write, for names that somebody obeys and that changed.
class ChangeWalk {
 public:
  ChangeWalk(std::int64_t earliestNs, const FolderMemory& folders) : earliestNs_(earliestNs), folders_(folders) {}

  void look(const std::string& place) {
    path_ = place;
    auto folder = openAt(AT_FDCWD, place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (folder) return read(std::move(*folder), 0);
    struct stat status {};
    if (::lstat(place.c_str(), &status) != 0) return;
    if (S_ISDIR(status.st_mode)) return missed(status);
    judge(status);
  }

  // In no order.
  std::vector<std::string> takeChanged() { return std::move(changed_); }
  bool isCut() const { return cut_; }

 private:
  bool isChanged(const struct stat& status) const { return nanoseconds(status.st_ctim) >= earliestNs_; }

  void judge(const struct stat& status) {
    if (!isChanged(status) || !policy::obeyedBy(path_)) return;
    if (changed_.size() == kMaxChanged) cut_ = true;
    if (changed_.size() < kMaxChanged) changed_.push_back(path_);
  }

  // What a folder at path_ held that was read before and that nobody has changed since; null: it must be read.
  const KnownFolder* known(const struct stat& status) const {
    const KnownFolder* folder = folders_.find(FolderStamp::of(status));
    if (folder == nullptr || !folder->watched) return nullptr;
    return policy::obeysAll(std::string_view(path_).substr(path_.rfind('/') + 1)) ? nullptr : folder;
  }

  bool mayLookAt(std::uint32_t more) {
    lookedAt_ += more;
    cut_ = cut_ || lookedAt_ > kMaxLookedAt;
    return lookedAt_ <= kMaxLookedAt;
  }

  // All of what is at path_.
  void read(UniqueFd folder, int depth) {
    struct stat status {};
    if (::fstat(folder.get(), &status) == 0) {
      if (const KnownFolder* same = known(status)) return readKnown(folder.get(), *same, depth);
    }
    readAnew(std::move(folder), depth);
  }

  void readKnown(int folder, const KnownFolder& same, int depth) {
    if (!mayLookAt(same.count)) return;
    const std::size_t length = path_.size();
    for (const KnownFolder::Name& one : same.names) {
      if (one.kind != DT_DIR) continue;
      (path_ += '/') += one.name;
      descend(folder, one.name.c_str(), depth);
      path_.resize(length);
    }
    for (const std::string& name : *same.watched) {
      (path_ += '/') += name;
      visit(folder, name.c_str(), DT_REG, depth);
      path_.resize(length);
    }
  }

  void readAnew(UniqueFd folder, int depth) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(folder.get()), ::closedir);
    if (listing == nullptr) {
      cut_ = true;
      return;
    }
    const int descriptor = folder.release();  // It is closed with the listing.
    const std::size_t length = path_.size();
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(listing.get());
      if (entry == nullptr) break;
      if (!mayLookAt(1)) return;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      (path_ += '/') += name;
      visit(descriptor, entry->d_name, entry->d_type, depth);
      path_.resize(length);
    }
    cut_ = cut_ || errno != 0;
  }

  void visit(int folder, const char* name, unsigned char kind, int depth) {
    const bool mayBeFolder = kind == DT_DIR || kind == DT_UNKNOWN;
    if (!mayBeFolder && !policy::obeyedBy(path_)) return;
    if (kind == DT_DIR) return descend(folder, name, depth);
    struct stat status {};
    if (!isThere(folder, name, status)) return;
    if (S_ISDIR(status.st_mode)) return descend(folder, name, depth);
    judge(status);
  }

  void descend(int above, const char* name, int depth) {
    if (path_.ends_with("/.git/objects")) return;  // hundreds of folders of nothing but content under its hash
    if (depth == kMaxDepth) {
      cut_ = true;
      return;
    }
    struct stat status {};
    const KnownFolder* same = folders_.size() > 0 && isThere(above, name, status) ? known(status) : nullptr;
    if (same != nullptr && same->watched->empty() && holdsNoFolder(*same)) return (void)mayLookAt(same->count);
    auto folder = openAt(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (folder) return read(std::move(*folder), depth + 1);
    if (isThere(above, name, status)) missed(status);
  }

  static bool isThere(int folder, const char* name, struct stat& status) {
    return ::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0;
  }

  static bool holdsNoFolder(const KnownFolder& folder) {
    return std::ranges::none_of(folder.names, [](const auto& one) { return one.kind == DT_DIR; });
  }

  // A folder of somebody else's that is closed to us was closed to the run. One of the run's own may hold anything.
  void missed(const struct stat& status) {
    if (S_ISDIR(status.st_mode)) cut_ = cut_ || status.st_uid == ::geteuid() || isChanged(status);
  }

  std::int64_t earliestNs_;
  const FolderMemory& folders_;
  std::string path_;  // of what is looked at
  std::vector<std::string> changed_;
  std::uint32_t lookedAt_ = 0;
  bool cut_ = false;
};

// "" or the path of the workspace with the slash that what is in it comes after.
std::string aboveWorkspace(const Plan& plan) {
  for (const MountStep& step : plan.mounts) {
    const auto* given = std::get_if<BindDescriptor>(&step);
    if (given != nullptr && given->index == kWorkspaceDescriptor) return given->target + "/";
  }
  return "";
}

std::string shownPath(const std::string& path, const std::string& above) {
  std::string shown = path.starts_with(above) ? path.substr(above.size()) : path;
  if (shown.size() <= kMaxShownPath) return shown;
  std::size_t cut = shown.size() - kMaxShownPath;
  while (cut < shown.size() && (static_cast<unsigned char>(shown[cut]) & 0xC0U) == 0x80U) ++cut;
  return "…" + shown.substr(cut);
}

// Whoever makes much to hide one thing makes it deep down, or below a name that comes late: what is near the top is
// what people start without looking.
bool isNearer(const std::string& left, const std::string& right) {
  const auto depth = [](const std::string& path) { return std::ranges::count(path, '/'); };
  return depth(left) != depth(right) ? depth(left) < depth(right) : left < right;
}

}  // namespace

std::vector<std::string> madeDespitePatterns(const Plan& plan, FolderMemory& folders) {
  const std::vector<std::string> places = writablePlaces(plan);
  const auto isWritable = [&places](const std::string& target) {
    return std::ranges::any_of(
        places, [&target](const std::string& place) { return isWithin(target, place) || isWithin(place, target); });
  };
  std::map<std::string, Masks> masks;  // by the directory that they are about
  for (const MountStep& step : plan.mounts) {
    const auto* mask = std::get_if<MaskPath>(&step);
    if (mask != nullptr && mask->kind == MaskKind::kReadOnly && !mask->glob.empty() && isWritable(mask->target))
      masks[mask->target].push_back(mask);
  }
  Told told;
  for (const auto& [target, wanted] : masks) addMade(target, wanted, folders, told);
  return told.take();
}

Beginning Beginning::now() { return {clockNs(CLOCK_REALTIME_COARSE), clockNs(CLOCK_BOOTTIME)}; }

std::int64_t Beginning::earliestNs(const Beginning& now) const {
  constexpr std::int64_t kTicks = 50'000'000;  // by which the coarse clock may be behind
  const std::int64_t byNow = now.wallNs - (now.bootNs - bootNs);
  return byNow < wallNs - kTicks ? byNow - kTicks : wallNs;
}

std::vector<std::string> changedMeanwhile(const Plan& plan, const Beginning& beginning, const FolderMemory& folders) {
  if (plan.guards.warden) return {};
  ChangeWalk walk(beginning.earliestNs(Beginning::now()), folders);
  for (const std::string& place : writablePlaces(plan)) walk.look(place);
  std::vector<std::string> changed = walk.takeChanged();
  std::ranges::sort(changed, isNearer);
  std::vector<std::string> told;
  std::size_t bytes = 0;
  const std::string above = aboveWorkspace(plan);
  for (const std::string& path : changed) {
    std::string words = shownPath(path, above) + " (" + std::string(policy::obeyedBy(path).value_or("its name")) + ")";
    if (told.size() == kMaxChangedTold || bytes + words.size() > kMaxChangedBytes) break;
    bytes += words.size();
    told.push_back(std::move(words));
  }
  if (told.size() < changed.size()) told.push_back(std::to_string(changed.size() - told.size()) + " more");
  if (walk.isCut()) told.emplace_back("and perhaps others: not all of it could be looked at");
  return told;
}

}  // namespace ringfence::sandbox
