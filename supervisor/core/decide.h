// decide: what follows from a command. Pure: no clock, no kernel, no log. The caller evolves its state with the facts,
// queues them for the store, and performs each effect when the fact it waits for is durable.
//
//   Decision d = RF_TRY(decide(state, command, now));
#pragma once

#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "supervisor/core/command.h"
#include "supervisor/core/effect.h"
#include "supervisor/core/state.h"
#include "supervisor/core/today.h"

namespace ringfence::supervisor {

inline constexpr Milliseconds kStopGrace{5000};

struct Decision {
  std::vector<Fact> facts;  // numbered from state.lastSeq + 1
  std::vector<Effect> effects;
};

struct Context {
  Now now;
  std::string bootId;
  Today today = {};
};

// An Error is the answer to whoever asked and changes nothing: kNotFound for a run that does not exist or may not be
// seen by this peer (the two are not told apart), kDenied when it may be seen but not controlled, kInvalid when the run
// is in the wrong state, kUnavailable when there is no launcher or a bound is reached.
Result<Decision> decide(const State& state, const Command& command, const Context& context);

}  // namespace ringfence::supervisor
