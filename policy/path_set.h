// Many path patterns against one path, fast and without memory of its own in the common case. Internal to policy/.
//
//   PathSet set;  set.add("/w/**/.env*");  set.find(SplitPath("/w/a/.env"))  -> 0
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ringfence::policy {

// One name against a pattern of "*" and "?". Linear but for the last star, so no pattern takes long.
bool matchesName(std::string_view pattern, std::string_view name);

// The names in a path or a pattern, without empty ones; views into it.
std::vector<std::string_view> partsOf(std::string_view path);

// A path taken apart once. Borrows the text unless it has doubled slashes or one at its end.
class SplitPath {
 public:
  explicit SplitPath(std::string_view path);
  SplitPath(const SplitPath&) = delete;
  SplitPath& operator=(const SplitPath&) = delete;

  // Absolute, without NUL, "." and "..": only then it can be judged.
  bool isNormal() const { return normal_; }
  std::string_view text() const { return text_; }
  std::size_t size() const { return count_; }
  std::string_view part(std::size_t i) const { return i < kFew ? few_[i] : more_[i - kFew]; }
  // The path up to and with part i.
  std::string_view upTo(std::size_t i) const;

 private:
  static constexpr std::size_t kFew = 32;
  // False: not normal.
  bool take(std::string_view part);

  std::string_view text_;
  std::string owned_;
  std::array<std::string_view, kFew> few_;
  std::vector<std::string_view> more_;
  std::size_t count_ = 0;
  bool normal_ = false;
};

// What a pattern matches, it matches with everything below it.
class PathSet {
 public:
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  // Patterns are absolute (expandPattern); anything else, the empty one among them, matches nothing. Their places are
  // counted from 0 in the order of these calls.
  void add(const std::string& pattern);
  // The place of the first pattern that matches, or kNone. The path must be normal.
  std::size_t find(const SplitPath& path) const;
  bool empty() const { return count_ == 0; }

 private:
  struct Glob {
    std::size_t place;
    std::vector<std::string> parts;
  };
  // A name, or the beginning or end of one, that a path must have for the glob to match.
  enum class AnchorKind { kWhole, kBegins, kEnds };
  struct Anchor {
    AnchorKind kind;
    std::string text;
    std::size_t glob;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  void addGlob(std::size_t place, std::vector<std::string> parts);
  static bool matches(const Glob& glob, const SplitPath& path);

  std::size_t count_ = 0;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> literals_;
  std::bitset<256> literalLengths_;  // modulo 256: most beginnings of a path need not be looked up
  std::vector<Glob> globs_;
  std::vector<std::size_t> unanchored_;
  // Anchors at the beginning and at the end of a name; made with the first glob.
  std::vector<std::vector<Anchor>> byFirstByte_;
  std::vector<std::vector<Anchor>> byLastByte_;
};

}  // namespace ringfence::policy
