#include "sandbox/kernel/masks.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <ctime>
#include <map>
#include <memory>
#include <optional>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kMaxVisited = 100'000;
constexpr int kMaxDepth = 64;
constexpr std::size_t kBufferSize = 32 << 10;

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t slash = text.find('/');
    if (slash != 0) parts.emplace_back(text.substr(0, slash));
    if (slash == std::string_view::npos) break;
    text.remove_prefix(slash + 1);
  }
  return parts;
}

using Parts = std::vector<std::string>;

// fnmatch is slow, and most patterns are a name or a beginning of one.
bool matchesName(const std::string& pattern, const std::string& name) {
  const std::size_t special = pattern.find_first_of("*?[\\");
  if (special == std::string::npos) return pattern == name;
  if (pattern[special] == '*' && special + 1 == pattern.size())
    return name.compare(0, special, pattern, 0, special) == 0;
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

// `budget` bounds the backtracking of several "**" in a hostile pattern.
bool matchFrom(const Parts& pattern, std::size_t p, const Parts& path, std::size_t n, int& budget) {
  if (--budget < 0) return false;
  if (p == pattern.size()) return n == path.size();
  if (pattern[p] == "**") {
    for (std::size_t skip = n; skip <= path.size(); ++skip) {
      if (matchFrom(pattern, p + 1, path, skip, budget)) return true;
    }
    return false;
  }
  if (n == path.size() || !matchesName(pattern[p], path[n])) return false;
  return matchFrom(pattern, p + 1, path, n + 1, budget);
}

bool matchParts(const Parts& pattern, const Parts& path) {
  if (pattern.size() == 2 && pattern[0] == "**" && pattern[1] != "**")
    return !path.empty() && matchesName(pattern[1], path.back());
  int budget = 10'000;
  return matchFrom(pattern, 0, path, 0, budget);
}

bool isLowerHex(char letter) { return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f'); }

// ".git/objects/xx": git's own content, each file under its hash.
bool isGitContent(const Parts& path) {
  const std::size_t count = path.size();
  if (count < 3 || path[count - 3] != ".git" || path[count - 2] != "objects") return false;
  const std::string& name = path.back();
  return name.size() == 2 && isLowerHex(name[0]) && isLowerHex(name[1]);
}

bool isPlain(const std::string& part) { return part.find_first_of("*?[\\") == std::string::npos; }

// A query taken apart. Most names of a tree have nothing to do with "HEAD/**/.git/TAIL", which needs no look at them.
struct Query {
  enum class Kind { kAnywhere, kAtGit, kInsideGit };

  explicit Query(const GlobQuery& query) : parts(split(query.pattern)) {
    takeApart();
    plainEnd = !parts.empty() && isPlain(parts.back());
  }

  void takeApart() {
    for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
      if (parts[i] != ".git" || parts[i - 1] != "**") continue;
      const auto behind = parts.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      kind = std::all_of(behind, parts.end(), isPlain) ? Kind::kAtGit : Kind::kInsideGit;
      if (kind == Kind::kInsideGit) return;
      for (auto part = behind; part != parts.end(); ++part) tail += "/" + *part;
      parts.erase(behind, parts.end());
    }
  }

  Kind kind = Kind::kAnywhere;
  Parts parts;       // kAtGit: up to ".git"
  std::string tail;  // kAtGit: the rest, from '/' on
  bool plainEnd = false;
};

class Walk {
 public:
  Walk(const std::vector<GlobQuery>& queries, FolderMemory* memory)
      : queries_(queries), expansions_(queries.size()), memory_(memory) {
    for (const auto& query : queries) {
      patterns_.emplace_back(query);
      expectFirst(patterns_.back());
      onlyHides_ = onlyHides_ && (query.hides || patterns_.back().kind != Query::Kind::kAnywhere);
    }
    if (memory_ != nullptr) memory_->lookFor(expected_ | expectedInGit_);
  }

  Result<void> visit(UniqueFd directory, Parts& path) {
    std::optional<KnownFolder> read;
    if (memory_ != nullptr) {
      struct stat status {};
      if (::fstat(directory.get(), &status) == 0) {
        const FolderStamp stamp = FolderStamp::of(status);
        if (const KnownFolder* known = memory_->find(stamp)) return visitKnown(directory.get(), *known, path);
        read = begin(directory.get(), stamp);
      }
    }
    const bool wasRead = RF_TRY(readFolder(directory.get(), path, read));
    if (wasRead && read) memory_->learn(std::move(*read));
    return {};
  }

  std::vector<GlobExpansion> take() { return std::move(expansions_); }

 private:
  // What is read of a folder from now on may be remembered. None: it may not.
  std::optional<KnownFolder> begin(int directory, const FolderStamp& stamp) {
    timespec now{};
    if (::clock_gettime(CLOCK_REALTIME, &now) != 0 || !stamp.isSettled(now)) return std::nullopt;
    const auto [device, isNew] = trusted_.try_emplace(stamp.device, false);
    if (isNew) device->second = keepsTimesOfChange(directory);
    if (!device->second) return std::nullopt;
    return KnownFolder{.stamp = stamp, .count = 0, .names = {}, .watched = std::vector<std::string>()};
  }

  Result<void> visitKnown(int directory, const KnownFolder& known, Parts& path) {
    visited_ += known.count;
    if (visited_ > kMaxVisited) {
      cutAll();
      return {};
    }
    const std::vector<KnownFolder::Name> names = known.names;  // What is learned below may push it out.
    for (const auto& one : names) RF_TRY(visitEntry(directory, one.name.c_str(), one.kind, path));
    return {};
  }

  // False: not to its end.
  Result<bool> readFolder(int directory, Parts& path, std::optional<KnownFolder>& read) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kBufferSize);
    for (;;) {
      const ssize_t got = ::getdents64(directory, buffer.get(), kBufferSize);
      if (got < 0) cutAll();  // Removed meanwhile, or a disk that fails: what was not read is not known.
      if (got <= 0) return got == 0;
      for (ssize_t at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const dirent64*>(buffer.get() + at);
        at += entry->d_reclen;
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        if (++visited_ > kMaxVisited) {
          cutAll();
          return false;
        }
        if (read) note(*entry, read);
        RF_TRY(visitEntry(directory, entry->d_name, kindOf(directory, *entry), path));
      }
    }
  }

  void note(const dirent64& entry, std::optional<KnownFolder>& read) const {
    if (entry.d_type == DT_UNKNOWN) return read.reset();
    ++read->count;
    const bool isFolder = entry.d_type == DT_DIR;
    const auto first = static_cast<unsigned char>(entry.d_name[0]);
    if (isFolder || (entry.d_type != DT_LNK && memory_->lookedFor().test(first)))
      read->names.push_back({entry.d_name, entry.d_type});
    if (isFolder || !read->watched || !memory_->isWatched(entry.d_name)) return;
    if (read->watched->size() == kMaxWatchedNames) return read->watched.reset();
    read->watched->push_back(entry.d_name);
  }

  // Most names begin with no letter that a pattern begins with: they are not looked at any further.
  void expectFirst(const Query& query) {
    const Parts& pattern = query.parts;
    const bool anywhere = pattern.size() == 2 && pattern[0] == "**" && pattern[1] != "**";
    const bool byLast = anywhere || query.kind != Query::Kind::kAnywhere;
    const auto first = static_cast<unsigned char>(byLast ? pattern.back()[0] : '*');
    FirstBytes letters;
    if (first == '*' || first == '?' || first == '[' || first == '\\')
      letters.set();
    else
      letters.set(first);
    expectedInGit_ |= letters;
    if (query.kind != Query::Kind::kInsideGit) expected_ |= letters;
  }

  Result<void> visitEntry(int directory, const char* name, unsigned char kind, Parts& path) {
    const bool mayMatch = (git_ > 0 ? expectedInGit_ : expected_).test(static_cast<unsigned char>(name[0]));
    if (kind == DT_LNK || (!mayMatch && kind != DT_DIR)) return {};
    path.emplace_back(name);
    const bool hidden = mayMatch && matchAll(directory, path);
    if (kind == DT_DIR && !hidden && !(onlyHides_ && isGitContent(path))) {
      const int isGit = path.back() == ".git" ? 1 : 0;
      git_ += isGit;
      RF_TRY(descend(directory, name, path));
      git_ -= isGit;
    }
    path.pop_back();
    return {};
  }

  // True when the entry is taken away.
  bool matchAll(int directory, const Parts& path) {
    bool hidden = false;
    for (std::size_t i = 0; i < queries_.size(); ++i) {
      const Query& pattern = patterns_[i];
      const bool atGit = pattern.kind == Query::Kind::kAtGit;
      if (pattern.kind == Query::Kind::kInsideGit && git_ == 0) continue;
      if (pattern.plainEnd && pattern.parts.back() != path.back()) continue;
      if (!matchParts(pattern.parts, path)) continue;
      if (expansions_[i].matches.size() + expansions_[i].links.size() >= queries_[i].maxMatches) {
        expansions_[i].cut = true;
        continue;
      }
      const bool isLink = atGit && isSymlink(directory, ".git" + pattern.tail);
      (isLink ? expansions_[i].links : expansions_[i].matches).push_back(joined(path) + pattern.tail);
      hidden = hidden || (queries_[i].hides && !atGit);
    }
    return hidden;
  }

  Result<void> descend(int directory, const char* name, Parts& path) {
    if (path.size() >= kMaxDepth) {
      cutAll();
      return {};
    }
    if (const KnownFolder* known = knownAsEmpty(directory, name)) {
      visited_ += known->count;
      if (visited_ > kMaxVisited) cutAll();
      return {};
    }
    auto child = openAt(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (child) return visit(std::move(*child), path);
    // Replaced or removed meanwhile: nothing is there under this name as a directory.
    if (child.error().sysErrno != ENOENT) cutAll();
    return {};
  }

  // A folder that is known to hold nothing that is looked for, and no folder: it need not even be opened.
  const KnownFolder* knownAsEmpty(int directory, const char* name) const {
    struct stat status {};
    if (memory_ == nullptr || memory_->size() == 0) return nullptr;
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) return nullptr;
    const KnownFolder* known = memory_->find(FolderStamp::of(status));
    return known != nullptr && known->names.empty() ? known : nullptr;
  }

  void cutAll() {
    for (auto& expansion : expansions_) expansion.cut = true;
  }

  static unsigned char kindOf(int directory, const dirent64& entry) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type;
    struct stat status {};
    if (fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
    return S_ISDIR(status.st_mode) ? DT_DIR : S_ISLNK(status.st_mode) ? DT_LNK : DT_REG;
  }

  static bool isSymlink(int directory, const std::string& name) {
    struct stat status {};
    return fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  }

  static std::string joined(const Parts& path) {
    std::string text;
    for (const auto& part : path) text += (text.empty() ? "" : "/") + part;
    return text;
  }

  const std::vector<GlobQuery>& queries_;
  std::vector<Query> patterns_;
  std::vector<GlobExpansion> expansions_;
  FirstBytes expected_, expectedInGit_;  // of names that may match
  FolderMemory* memory_;
  std::map<std::uint64_t, bool> trusted_;  // by device: times of change are kept there
  int git_ = 0;                            // how many folders called ".git" the walk is in
  std::uint32_t visited_ = 0;
  bool onlyHides_ = true;  // what tools obey may lie in a submodule's folder that is called like git's content
};

}  // namespace

bool matchesGlob(std::string_view pattern, std::string_view path) { return matchParts(split(pattern), split(path)); }

Result<std::vector<GlobExpansion>> expandGlobs(int directory, const std::vector<GlobQuery>& queries,
                                               FolderMemory* memory) {
  Walk walk(queries, memory);
  Parts path;
  UniqueFd start = RF_TRY(openAt(directory, ".", O_RDONLY | O_DIRECTORY));
  RF_TRY(walk.visit(std::move(start), path));
  return walk.take();
}

}  // namespace ringfence::sandbox
