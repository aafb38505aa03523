// Questions as a person meets them: a card is one question, or the several of a run that came faster than its policy
// lets it ask. One answer is for the whole card.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/decide.h"

namespace ringfence::supervisor {

// So that nobody's runs keep those of others from asking.
inline constexpr std::size_t kMaxOpenQuestionsPerUser = 64;

// By id, at least one. The pointers live as long as `state` is unchanged.
std::vector<const Question*> cardOf(const State& state, const Question& question);
std::string digestOf(const std::vector<const Question*>& card);
// Of everything that an answer to that ask is about.
std::string digestOf(const RunId& run, const sandbox::Ask& ask);

// Of an action as `ringfence why` can name it: its operation, target and arguments.
std::string keyOf(const policy::Action& action);
// Whoever asked for that action in that run: who waits for an answer, else who was the last that had one.
struct AskedAction {
  std::uint64_t question = 0;
  Microseconds at{};               // wall; since when it waits, or when it was settled
  std::optional<Settled> outcome;  // absent: it waits
  std::vector<sandbox::ProcessLink> chain;
  std::optional<std::string> chainNote;
};
std::optional<AskedAction> findAsked(const State& state, const RunId& run, const policy::Action& action);

// Cards of runs that `peer` may see, of one run or (empty) of all, by the id of their first question.
std::vector<std::vector<const Question*>> visibleCards(const State& state, const Peer& peer, const RunId& run);

// Why this ask would be refused without a person: the run has too many open questions, is being stopped, or the
// emergency stop is latched. Nothing: it becomes a question, joins one, or has its answer already.
std::optional<std::string> whyRefused(const State& state, const Run& run, sandbox::GuardKind guard,
                                      const sandbox::Ask& ask, const Context& context);

// Whether that ask would become a question of its own: nobody asks it yet, and nothing answers it.
bool isNew(const State& state, const Run& run, sandbox::GuardKind guard, const sandbox::Ask& ask);

// Why that person may allow nothing in a window now: a live run of theirs has their screen, and could press the button
// itself.
std::optional<std::string> whyNotInWindow(const State& state, std::uint32_t uid);

// "answered already: denied by uid 1000 at …", where that is known and the peer may know it.
std::optional<std::string> whyClosed(const State& state, const Peer& peer, std::uint64_t id);

// When TimePassed next has something to do, on CLOCK_BOOTTIME as of `now`.
std::optional<Microseconds> nextDeadline(const State& state, const Now& now);

std::string_view settledName(Settled settled);  // "allowed|denied|rewritten|expired|stopped|withdrawn"

}  // namespace ringfence::supervisor
