#include "supervisor/core/homes.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "sdk/base/sha256.h"
#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

// Of one home, as far as the state goes back.
struct Use {
  Microseconds last{};
  std::string policy;
  const Run* live = nullptr;
};
using Uses = std::map<std::pair<std::uint32_t, std::string>, Use>;

Uses usesOf(const State& state, const Now& now) {
  Uses uses;
  for (const auto& [id, run] : state.runs) {
    Use& use = uses[{run.what.callerUid, homeDirectoryName(run.what.policyName)}];
    const auto* ended = std::get_if<EndedState>(&run.life);
    use.last = std::max(use.last, ended != nullptr ? ended->at.wall : now.wall);
    use.policy = run.what.policyName;
    if (ended == nullptr) use.live = &run;
  }
  return uses;
}

JudgedHome judge(const FoundHome& home, const Use& use, std::chrono::seconds unusedFor, const Now& now) {
  JudgedHome judged{
      .uid = home.uid, .directory = home.directory, .policy = home.policy, .bytes = home.bytes, .isMore = home.isMore};
  if (judged.policy.empty()) judged.policy = use.policy.empty() ? home.directory : use.policy;
  judged.lastUsed = std::max(home.noted.value_or(Microseconds{}), use.last);
  if (!home.noted && use.last == Microseconds{}) judged.lastUsed = home.changed;
  if (use.live != nullptr) {
    judged.fate = HomeFate::kInUse;
    judged.why = "run " + describe(*use.live) + " uses it";
  } else if (now.wall - judged.lastUsed < unusedFor) {
    judged.fate = HomeFate::kRecent;
  } else if (!home.trouble.empty()) {
    judged.fate = HomeFate::kStuck;
    judged.why = home.trouble;
  }
  return judged;
}

}  // namespace

std::string homeDirectoryName(const std::string& policyName) {
  const bool plain = policyName.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos;
  if (plain && !policyName.empty() && policyName.size() <= 64) return policyName;
  // A name in capitals cannot collide with a plain one.
  return "HASH-" + sha256Hex(policyName).substr(0, 32);
}

std::vector<JudgedHome> judgeHomes(const State& state, const Peer& peer, const std::vector<FoundHome>& found,
                                   std::chrono::seconds unusedFor, const Now& now) {
  const Uses uses = usesOf(state, now);
  std::vector<JudgedHome> judged;
  for (const FoundHome& home : found) {
    if (!mayControl(peer, home.uid)) continue;
    const auto use = uses.find({home.uid, home.directory});
    judged.push_back(judge(home, use == uses.end() ? Use{} : use->second, unusedFor, now));
  }
  std::ranges::sort(judged, {}, [](const JudgedHome& home) { return std::tie(home.uid, home.policy, home.directory); });
  return judged;
}

Result<void> decidePrune(Deciding& deciding, const PruneHomes& command) {
  // Until the launcher has said what it keeps, some that the log does not know may be alive.
  if (!deciding.state().launcherReady) {
    return Error{ErrorCode::kUnavailable,
                 "no launcher: which homes are in use is not known until ringfence-launcher is back; try again in a "
                 "moment"};
  }
  for (const JudgedHome& home :
       judgeHomes(deciding.state(), command.peer, command.found, command.unusedFor, deciding.context().now)) {
    if (home.fate != HomeFate::kGoes) continue;
    const std::uint64_t seq = deciding.record({}, HomeRemoved{home.uid, home.policy, home.bytes, command.peer.uid});
    deciding.after(seq, RemoveHome{home.uid, home.directory});
  }
  return {};
}

}  // namespace ringfence::supervisor
