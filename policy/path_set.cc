#include "policy/path_set.h"

#include <algorithm>

namespace ringfence::policy {
namespace {

std::size_t byteOf(char c) { return static_cast<unsigned char>(c); }
bool isGlob(std::string_view part) { return part.find_first_of("*?") != std::string_view::npos; }

// Bit i of the result: the pattern so far can have used the first i parts. For at most 63 parts.
bool matchesFew(const std::vector<std::string>& pattern, const SplitPath& path) {
  const std::uint64_t all = (std::uint64_t{2} << path.size()) - 1;
  std::uint64_t reachable = 1;
  for (const std::string& part : pattern) {
    if (part == "**") {
      reachable = ~((reachable & -reachable) - 1) & all;
      continue;
    }
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < path.size(); ++i) {
      if ((reachable >> i & 1) != 0 && matchesName(part, path.part(i))) next |= std::uint64_t{2} << i;
    }
    if (next == 0) return false;
    reachable = next;
  }
  return true;
}

// The same for any number of parts.
bool matchesMany(const std::vector<std::string>& pattern, const SplitPath& path) {
  std::vector<char> reachable(path.size() + 1, 0);
  reachable[0] = 1;
  for (const std::string& part : pattern) {
    std::vector<char> next(path.size() + 1, 0);
    for (std::size_t i = 0; i <= path.size(); ++i) {
      if (part == "**") {
        next[i] = static_cast<char>(reachable[i] != 0 || (i > 0 && next[i - 1] != 0));
      } else if (i > 0) {
        next[i] = static_cast<char>(reachable[i - 1] != 0 && matchesName(part, path.part(i - 1)));
      }
    }
    reachable = std::move(next);
  }
  return std::ranges::find(reachable, 1) != reachable.end();
}

}  // namespace

bool matchesName(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      do ++n;
      while (n < name.size() && (name[n] & 0xc0) == 0x80);
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::vector<std::string_view> partsOf(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    if (slash > at) parts.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return parts;
}

SplitPath::SplitPath(std::string_view path) : text_(path) {
  if (!path.starts_with('/')) return;
  if (path.find("//") != std::string_view::npos || (path.size() > 1 && path.ends_with('/'))) {
    owned_.push_back('/');
    for (const char c : path) {
      if (c != '/' || owned_.back() != '/') owned_ += c;
    }
    if (owned_.size() > 1 && owned_.back() == '/') owned_.pop_back();
    text_ = owned_;
  }
  std::size_t start = 1;
  for (std::size_t at = 1; at < text_.size(); ++at) {
    if (text_[at] == '\0') return;
    if (text_[at] != '/') continue;
    if (!take(text_.substr(start, at - start))) return;
    start = at + 1;
  }
  normal_ = start == text_.size() || take(text_.substr(start));
}

bool SplitPath::take(std::string_view part) {
  if (part == "." || part == "..") return false;
  if (count_ < kFew)
    few_[count_] = part;
  else
    more_.push_back(part);
  ++count_;
  return true;
}

std::string_view SplitPath::upTo(std::size_t i) const {
  const std::string_view last = part(i);
  return text_.substr(0, static_cast<std::size_t>(last.data() + last.size() - text_.data()));
}

void PathSet::add(const std::string& pattern) {
  const std::size_t place = count_++;
  if (!pattern.starts_with('/')) return;
  std::vector<std::string> parts;
  std::string literal;
  for (std::size_t at = 1; at < pattern.size();) {
    const std::size_t slash = std::min(pattern.find('/', at), pattern.size());
    if (slash > at) parts.push_back(pattern.substr(at, slash - at));
    at = slash + 1;
  }
  if (std::ranges::any_of(parts, isGlob)) return addGlob(place, std::move(parts));
  for (const std::string& part : parts) literal += "/" + part;
  if (literal.empty()) literal.push_back('/');
  literalLengths_.set(literal.size() % literalLengths_.size());
  literals_.try_emplace(literal, place);
}

void PathSet::addGlob(std::size_t place, std::vector<std::string> parts) {
  if (globs_.empty()) {
    byFirstByte_.resize(256);
    byLastByte_.resize(256);
  }
  const auto firstGlob = std::ranges::find_if(parts, isGlob);
  // The longest text after the place that every path of a run begins with: that place tells nothing.
  Anchor anchor{AnchorKind::kWhole, "", globs_.size()};
  const auto offer = [&](AnchorKind kind, std::string text) {
    if (text.size() > anchor.text.size()) anchor = {kind, std::move(text), globs_.size()};
  };
  for (auto part = firstGlob; part != parts.end(); ++part) {
    if (!isGlob(*part)) {
      offer(AnchorKind::kWhole, *part);
    } else if (*part != "**") {
      offer(AnchorKind::kBegins, part->substr(0, part->find_first_of("*?")));
      offer(AnchorKind::kEnds, part->substr(part->find_last_of("*?") + 1));
    }
  }
  if (anchor.text.empty())
    unanchored_.push_back(globs_.size());
  else if (anchor.kind == AnchorKind::kEnds)
    byLastByte_[byteOf(anchor.text.back())].push_back(std::move(anchor));
  else
    byFirstByte_[byteOf(anchor.text.front())].push_back(std::move(anchor));
  globs_.push_back({place, std::move(parts)});
}

bool PathSet::matches(const Glob& glob, const SplitPath& path) {
  return path.size() < 63 ? matchesFew(glob.parts, path) : matchesMany(glob.parts, path);
}

std::size_t PathSet::find(const SplitPath& path) const {
  std::size_t best = kNone;
  const auto tryGlob = [&](std::size_t index) {
    const Glob& glob = globs_[index];
    if (glob.place < best && matches(glob, path)) best = glob.place;
  };
  const auto lookUp = [&](std::string_view text) {
    if (!literalLengths_.test(text.size() % literalLengths_.size())) return;
    const auto found = literals_.find(text);
    if (found != literals_.end()) best = std::min(best, found->second);
  };
  if (!literals_.empty()) {
    lookUp("/");
    for (std::size_t i = 0; i < path.size(); ++i) lookUp(path.upTo(i));
  }
  for (const std::size_t index : unanchored_) tryGlob(index);
  if (globs_.size() == unanchored_.size()) return best;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view name = path.part(i);
    for (const Anchor& anchor : byFirstByte_[byteOf(name.front())]) {
      const bool whole = anchor.kind == AnchorKind::kWhole;
      if (whole ? name == anchor.text : name.starts_with(anchor.text)) tryGlob(anchor.glob);
    }
    for (const Anchor& anchor : byLastByte_[byteOf(name.back())]) {
      if (name.ends_with(anchor.text)) tryGlob(anchor.glob);
    }
  }
  return best;
}

}  // namespace ringfence::policy
