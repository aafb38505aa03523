#include "policy/move.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "policy/path_set.h"

namespace ringfence::policy {
namespace {

// What of a pattern a path may have used up, so that the rest of it may be found below. [i]: its first i names. All of
// them are not among these: then the rule is about the path itself.
using Reach = std::vector<char>;

void passDoubleStars(const std::vector<std::string_view>& names, Reach& reach) {
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    if (reach[i] != 0 && names[i] == "**") reach[i + 1] = 1;
  }
}

Reach reachOf(const std::vector<std::string_view>& names, const SplitPath& path) {
  Reach reach(names.size(), 0);
  if (reach.empty()) return reach;
  reach[0] = 1;
  passDoubleStars(names, reach);
  for (std::size_t part = 0; part < path.size(); ++part) {
    Reach next(reach.size(), 0);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (reach[i] == 0) continue;
      if (names[i] == "**")
        next[i] = 1;
      else if (i + 1 < names.size() && matchesName(names[i], path.part(part)))
        next[i + 1] = 1;
    }
    passDoubleStars(names, next);
    reach = std::move(next);
  }
  return reach;
}

bool reachesMore(const Reach& here, const Reach& there) {
  for (std::size_t i = 0; i < here.size(); ++i) {
    if (here[i] != 0 && there[i] == 0) return true;
  }
  return false;
}

class Move {
 public:
  Move(const Document& document, const Places& places, std::string_view from, std::string_view to)
      : document_(document),
        places_(places),
        from_(from),
        to_(to),
        fromGranted_(isGranted(from_)),
        toGranted_(isGranted(to_)) {}

  std::optional<MoveVerdict> judge() const {
    const Files& files = document_.files;
    if (auto found = forbidden(files.forbid)) return found;
    if (auto found = asked("files.ask_read", files.askRead)) return found;
    if (auto found = asked("files.ask", files.ask)) return found;
    return rewritten(files.rewrite);
  }

 private:
  enum class Grants { kCount, kIgnored };

  // Of the two places the one below which the pattern speaks of what it does not speak of below the other.
  std::optional<MovePlace> difference(const std::string& pattern, Grants grants) const {
    const std::string expanded = expandPattern(pattern, places_);
    if (!expanded.starts_with('/')) return std::nullopt;
    const auto names = partsOf(expanded);
    const Reach from = reachOf(names, from_);
    const Reach to = reachOf(names, to_);
    const bool count = grants == Grants::kCount;
    if (reachesMore(from, to) && !(count && fromGranted_)) return MovePlace::kFrom;
    if (reachesMore(to, from) && !(count && toGranted_)) return MovePlace::kTo;
    return std::nullopt;
  }

  // A grant is for a path with all below it.
  bool isGranted(const SplitPath& path) const {
    return std::ranges::any_of(document_.grants, [&](const Grant& grant) {
      if (grant.operation != Operation::kWrite || grant.target.find_first_of("*?") != std::string::npos) return false;
      PathSet set;
      set.add(grant.target);
      return set.find(path) != PathSet::kNone;
    });
  }

  static MoveVerdict verdict(MovePlace place, Decision decision, std::string rule, const Origin& origin) {
    MoveVerdict found{.place = place, .verdict = {}};
    found.verdict.decision = decision;
    found.verdict.rule = std::move(rule);
    found.verdict.origin = origin;
    found.verdict.why = "the rule speaks of what is or would be in the folder that is moved";
    return found;
  }

  std::optional<MoveVerdict> forbidden(const std::vector<PathRule>& rules) const {
    for (const PathRule& rule : rules) {
      if (const auto place = difference(rule.pattern, Grants::kIgnored))
        return verdict(*place, Decision::kForbid, "files.forbid " + rule.pattern, rule.origin);
    }
    return std::nullopt;
  }
  std::optional<MoveVerdict> asked(const char* key, const std::vector<PathRule>& rules) const {
    for (const PathRule& rule : rules) {
      const auto place = difference(rule.pattern, Grants::kCount);
      if (!place) continue;
      auto found = verdict(*place, Decision::kAsk, std::string(key) + " " + rule.pattern, rule.origin);
      if (document_.mode == Mode::kAudit) {
        found.verdict.decision = Decision::kAllow;
        found.verdict.audit = Audit::kAllowed;
      }
      return found;
    }
    return std::nullopt;
  }
  std::optional<MoveVerdict> rewritten(const std::vector<PathRewrite>& rules) const {
    for (const PathRewrite& rule : rules) {
      if (rule.content) continue;
      if (const auto place = difference(rule.pattern, Grants::kCount))
        return verdict(*place, Decision::kForbid, "files.rewrite " + rule.pattern, rule.origin);
    }
    return std::nullopt;
  }

  const Document& document_;
  const Places& places_;
  const SplitPath from_;
  const SplitPath to_;
  const bool fromGranted_;
  const bool toGranted_;
};

}  // namespace

std::optional<MoveVerdict> judgeMove(const Document& document, const Places& places, std::string_view from,
                                     std::string_view to) {
  return Move(document, places, from, to).judge();
}

}  // namespace ringfence::policy
