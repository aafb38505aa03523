// Private homes: the HOME of runs, kept for each user and policy. They grow as agents like; a person has those removed
// that nobody has used for long. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "supervisor/core/peer.h"

namespace ringfence::supervisor {

struct State;

inline constexpr std::chrono::seconds kPruneAge = std::chrono::hours(24 * 30);

// Name of the directory that keeps the private home for a policy: one path component without a dot, whatever the name
// holds.
std::string homeDirectoryName(const std::string& policyName);

// One, as whoever looked at the disk found it. Times are of the wall clock.
struct FoundHome {
  std::uint32_t uid = 0;
  std::string directory;
  std::string policy;                 // as the daemon noted it; empty: it did not
  std::optional<Microseconds> noted;  // when the daemon started a run in it last
  Microseconds changed{};             // the directory itself
  std::uint64_t bytes = 0;
  bool isMore = false;  // than these bytes
  std::string trouble;  // why it cannot be removed; empty: it can
};

enum class HomeFate { kGoes, kInUse, kRecent, kStuck };

struct JudgedHome {
  std::uint32_t uid = 0;
  std::string directory, policy;
  Microseconds lastUsed{};  // wall clock: a run was started in it or ended
  std::uint64_t bytes = 0;
  bool isMore = false;
  HomeFate fate{};
  std::string why;  // of kInUse and kStuck
};

// What becomes of those that `peer` may remove, by user and policy. Nothing that a run can write says when one was
// used: that is the daemon's own note and the log; where neither knows it, the time when the kernel saw the directory
// change last, which a run can only make now.
std::vector<JudgedHome> judgeHomes(const State& state, const Peer& peer, const std::vector<FoundHome>& found,
                                   std::chrono::seconds unusedFor, const Now& now);

// A person has those removed that are not used, of those that were found.
struct PruneHomes {
  Peer peer;
  std::chrono::seconds unusedFor = kPruneAge;
  std::vector<FoundHome> found;
};

}  // namespace ringfence::supervisor
