#include "supervisor/system_policies.h"

#include <algorithm>
#include <set>
#include <variant>

#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

// Clocks of file systems tick every few milliseconds: of two changes within one tick the second does not show.
constexpr Microseconds kTick = std::chrono::milliseconds(50);

const policy::SourceText* findFile(const std::vector<policy::SourceText>& layer, const std::string& file) {
  const auto found = std::ranges::find(layer, file, &policy::SourceText::file);
  return found == layer.end() ? nullptr : &*found;
}

bool differs(const policy::SourceText& one, const policy::SourceText& other) {
  return one.text != other.text || one.unreadable != other.unreadable;
}

// A file that does not load by itself: the version in force takes its place, when that one does.
void keepGoodFiles(const std::vector<policy::SourceText>& inForce, std::vector<policy::SourceText>& found,
                   std::vector<BrokenPolicy>& broken) {
  for (policy::SourceText& source : found) {
    std::vector<policy::Diagnostic> wrong = policy::check(source);
    if (wrong.empty()) continue;
    const policy::SourceText* before = findFile(inForce, source.file);
    const bool hasGood = before != nullptr && policy::check(*before).empty();
    broken.push_back({std::move(wrong.front()), hasGood ? Instead::kLastGood : Instead::kNothing});
    if (hasGood) source = *before;
  }
}

// What is wrong with policies that load in `inForce` and not in `found`.
std::vector<policy::Diagnostic> newlyWrong(const policy::Sources& inForce, const policy::Sources& found) {
  std::vector<policy::Diagnostic> wrong;
  for (const policy::Available& one : policy::available(inForce)) {
    auto now = policy::load(found, one.name);
    const auto* diagnostics = std::get_if<std::vector<policy::Diagnostic>>(&now);
    if (diagnostics == nullptr || !std::holds_alternative<policy::Loaded>(policy::load(inForce, one.name))) continue;
    wrong.insert(wrong.end(), diagnostics->begin(), diagnostics->end());
  }
  return wrong;
}

bool restore(const std::vector<policy::SourceText>& inForce, std::vector<policy::SourceText>& found,
             const std::string& file) {
  const policy::SourceText* before = findFile(inForce, file);
  const auto now = std::ranges::find(found, file, &policy::SourceText::file);
  if (before == nullptr || now == found.end() || !differs(*before, *now)) return false;
  *now = *before;
  return true;
}

// One changed file that is to blame for a policy that loaded before gets its old version back. False: there is none.
bool restoreOne(const policy::Sources& inForce, AdoptedPolicies& adopted) {
  for (const policy::Diagnostic& one : newlyWrong(inForce, adopted.sources)) {
    if (!restore(inForce.system, adopted.sources.system, one.file) &&
        !restore(inForce.shipped, adopted.sources.shipped, one.file))
      continue;
    adopted.broken.push_back({one, Instead::kLastGood});
    return true;
  }
  return false;
}

}  // namespace

std::string describe(const BrokenPolicy& broken) {
  std::string text = escapeForDisplay(broken.what.file);
  if (broken.what.line != 0) text += ":" + std::to_string(broken.what.line) + ":" + std::to_string(broken.what.column);
  text += ": " + broken.what.message;
  return text + (broken.inForce == Instead::kLastGood ? "; its last good version stays in force"
                                                      : "; policies that need it are refused until it is right");
}

AdoptedPolicies adoptPolicies(const policy::Sources& inForce, policy::Sources found) {
  AdoptedPolicies adopted{std::move(found), {}};
  keepGoodFiles(inForce.shipped, adopted.sources.shipped, adopted.broken);
  keepGoodFiles(inForce.system, adopted.sources.system, adopted.broken);
  while (restoreOne(inForce, adopted)) {}
  return adopted;
}

policy::Sources SystemPolicies::readAll() {
  policy::Sources found;
  unlisted_.clear();
  unlistedNow_.clear();
  for (const std::string& directory : directories_) {
    auto texts = policy::readDirectory(directory);
    if (texts) listed_[directory] = std::move(*texts);
    const auto listed = listed_.find(directory);
    if (!texts) {
      policy::Diagnostic wrong;
      wrong.file = directory;
      wrong.message = escapeForDisplay(texts.error().message);
      unlistedNow_.push_back({wrong, listed == listed_.end() ? Instead::kNothing : Instead::kLastGood});
      if (listed == listed_.end()) unlisted_.push_back(std::move(wrong));
    }
    if (listed == listed_.end()) continue;
    std::vector<policy::SourceText>& layer = &directory == &directories_.front() ? found.shipped : found.system;
    layer.insert(layer.end(), listed->second.begin(), listed->second.end());
  }
  return found;
}

std::vector<std::string> SystemPolicies::look(Microseconds wallNow, Reading reading) {
  std::map<std::string, policy::DirectoryStamp> stamps;
  bool same = reading == Reading::kWhenChanged && stamps_.size() == directories_.size();
  for (const std::string& directory : directories_) {
    const policy::DirectoryStamp& stamp = stamps[directory] = policy::stampDirectory(directory);
    same = same && stamp.text == stamps_[directory].text && stamp.newest + kTick < readAt_;
  }
  if (same) return {};
  stamps_ = std::move(stamps);
  readAt_ = wallNow;
  AdoptedPolicies adopted = adoptPolicies(inForce_, readAll());
  adopted.broken.insert(adopted.broken.end(), unlistedNow_.begin(), unlistedNow_.end());
  std::vector<std::string> news;
  for (const BrokenPolicy& one : adopted.broken) {
    if (std::ranges::find(broken_, one) == broken_.end()) news.push_back(describe(one));
  }
  for (const BrokenPolicy& one : broken_) {
    const auto isSameFile = [&](const BrokenPolicy& other) { return other.what.file == one.what.file; };
    if (std::ranges::none_of(adopted.broken, isSameFile))
      news.push_back(escapeForDisplay(one.what.file) + " is in force again as it stands, or is gone");
  }
  inForce_ = std::move(adopted.sources);
  broken_ = std::move(adopted.broken);
  return news;
}

}  // namespace ringfence::supervisor
