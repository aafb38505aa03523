// The heart of a turn: a command is decided, its facts change the state and are queued for the log, its effects are
// performed when the fact that each waits for is durable (at once for those that wait for no disk).
//
//   auto outcome = RF_TRY(turns.submit(FreezeRun{peer, run, "asked"}));
//   … when the store has news: for (const Fact& fact : turns.release().facts) tell those who may know it.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/decide.h"
#include "supervisor/performer.h"
#include "supervisor/store/store.h"

namespace ringfence::supervisor {

struct Outcome {
  std::uint64_t lastSeq = 0;    // of the command's facts; 0: none
  std::vector<Error> failures;  // of the effects that were performed at once
};

class Turns {
 public:
  Turns(State state, Store& store, Performer& performer, const Clock& clock, std::string bootId)
      : state_(std::move(state)),
        durableSeq_(state_.lastSeq),
        store_(store),
        performer_(performer),
        clock_(clock),
        bootId_(std::move(bootId)) {}

  const State& state() const { return state_; }
  std::uint64_t durableSeq() const { return durableSeq_; }
  // Of whatever is decided in this turn.
  Context context() const;
  // Why nothing may begin at the moment: the log cannot be written, or only into room kept for what ends. Launches,
  // resuming and allowing are refused meanwhile; holding and ending work.
  const std::optional<Error>& storeFailure() const { return storeFailure_ ? storeFailure_ : withheld_; }
  bool canWrite() const { return !storeFailure_; }
  // Nothing begins until it is said that it may.
  void withhold(std::optional<Error> why) { withheld_ = std::move(why); }
  // A thaw of that run waits for the disk.
  bool isLettingGo(const RunId& run) const;

  // An Error is the answer to whoever asked; nothing happened then, except that effects that wait for no disk were
  // performed even when the log's queue is full: holding and ending come before recording.
  Result<Outcome> submit(const Command& command);

  struct Released {
    std::vector<Fact> facts;           // durable now, in order
    std::vector<Error> failures;       // of their effects
    std::optional<Error> storeFailed;  // the store failed since the last look
  };
  Released release();
  // Facts about the log itself that are due.
  Result<void> tend();

 private:
  struct HeldEffect {
    std::uint64_t afterSeq = 0;
    EffectBody body;
  };

  Result<void> perform(const EffectBody& effect);

  State state_;
  std::uint64_t durableSeq_ = 0;
  Store& store_;
  Performer& performer_;
  const Clock& clock_;
  std::string bootId_;
  Result<void> mayBegin(const Command& command) const;

  std::optional<Error> storeFailure_;
  std::optional<Error> withheld_;
  Progress progress_;
  std::deque<Fact> unpublished_;  // bounded by the store's queue
  std::deque<HeldEffect> held_;   // in the order of afterSeq within one command; kept in order of arrival
};

}  // namespace ringfence::supervisor
