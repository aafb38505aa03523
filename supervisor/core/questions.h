// What the state keeps of questions, grants and guards. Part of supervisor/core/state.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/fact.h"

namespace ringfence::supervisor {

// The number that one guard of a run gave to something that it asked.
struct AskName {
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::uint64_t ask = 0;
  auto operator<=>(const AskName&) const = default;
};
struct Question {
  RunId run;
  Now askedAt;
  ActionAsked what;
  std::vector<AskName> waiting;  // all that the answer is for
};
// Settled: what a second answer is told.
struct ClosedQuestion {
  std::uint64_t id = 0;
  RunId run;
  std::uint32_t ownerUid = 0;
  Now at;
  ActionAnswered answer;
  std::string key;                          // of its action, as keyOf() in cards.h; empty: an earlier build kept none
  std::vector<sandbox::ProcessLink> chain;  // who asked
  std::optional<std::string> chainNote;
};
// An ask that has its answer, until its guard says how it went: asked again, it gets the same.
struct AnsweredAsk {
  AskName name;
  std::uint64_t id = 0;
  Settled outcome = Settled::kDenied;
  std::string say;
  sandbox::Rewrite rewrite;
};
struct StandingGrant {
  GrantIssued what;
  RunId run;  // where it was given; kRun: the only one that it is for
  std::uint64_t seq = 0;
  Now issuedAt;
  std::string bootId;
  std::uint64_t hits = 0;  // what guards allowed by it without asking
};
// One that counts for nothing any more, for whoever asks why.
struct EndedGrant {
  StandingGrant grant;
  Now at;
  std::optional<std::uint32_t> byUid;  // who revoked it; absent: nobody did
  std::string why;                     // then
};
struct GuardMemory {
  std::int32_t pid = 0;                // 0: never heard of
  std::uint64_t generation = 0;        // of the rules that it said are in force
  std::vector<std::uint64_t> tickets;  // the last that were recorded, oldest first
  std::uint64_t ringUpTo = 0;
};
// Names that are obeyed later, relative to the workspace where they are in it.
struct LaterFiles {
  std::vector<std::string> paths;             // each once, at most kMaxLaterPaths
  std::vector<sandbox::ProcessLink> writers;  // who changed each of them first; pid 0: not known
  std::uint64_t more = 0;                     // changes of others
};
// Of a live run.
struct Conversation {
  GuardMemory warden;
  GuardMemory egress;
  std::vector<AnsweredAsk> answered;  // oldest first
  std::vector<Microseconds> askedAt;  // CLOCK_MONOTONIC, of the last questions
  std::uint64_t refused = 0;          // asks since it last began or was resumed
  std::vector<sandbox::HostTraffic> traffic;
  LaterFiles later;
};

inline constexpr std::size_t kMaxOpenQuestionsPerRun = 10;
inline constexpr std::size_t kMaxOpenQuestions = 256;
inline constexpr std::size_t kMaxAsksOfQuestion = 64;  // that wait for the same answer
inline constexpr std::size_t kMaxRefusedAsks = 100;    // then the run is frozen
inline constexpr std::size_t kMaxClosedQuestions = 256;
inline constexpr std::size_t kMaxKeptProcessName = 64;  // bytes; the kernel's own are shorter
inline constexpr std::size_t kMaxAnsweredAsks = 256;
inline constexpr std::size_t kMaxRememberedTickets = 64;
inline constexpr std::size_t kMaxQuestionTimes = 64;
inline constexpr std::size_t kMaxGrantsPerUser = 256;
inline constexpr std::size_t kMaxGrants = 4096;
inline constexpr std::size_t kMaxEndedGrants = 256;
inline constexpr std::size_t kMaxTrafficHosts = 256;
inline constexpr std::size_t kMaxLaterPaths = 64;
inline constexpr std::size_t kMaxLaterPathBytes = 256;
inline constexpr std::size_t kMaxLaterNoteBytes = 4096;
inline constexpr std::size_t kMaxSayBytes = 1024;
inline constexpr std::size_t kMaxAllowedPerFact = 64;
inline constexpr Bytes kMaxAllowedFact{256 << 10};

}  // namespace ringfence::supervisor
