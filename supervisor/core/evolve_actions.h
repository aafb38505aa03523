// The fold of facts about actions, grants and guards. For evolve.cc alone.
#pragma once

#include "supervisor/core/state.h"

namespace ringfence::supervisor {

void evolveAction(State& state, const Fact& fact, const ActionAsked& body);
void evolveAction(State& state, const Fact& fact, const AskJoined& body);
void evolveAction(State& state, const Fact& fact, const AskLeft& body);
void evolveAction(State& state, const Fact& fact, const ActionAnswered& body);
void evolveAction(State& state, const Fact& fact, const ActionPerformed& body);
void evolveAction(State& state, const Fact& fact, const AsksRefused& body);
void evolveAction(State& state, const Fact& fact, const ActionDenied& body);
void evolveAction(State& state, const Fact& fact, const ActionRewritten& body);
void evolveAction(State& state, const Fact& fact, const ConnectionOpened& body);
void evolveAction(State& state, const Fact& fact, const OutcomeUnknown& body);
void evolveAction(State& state, const Fact& fact, const ActionsAllowed& body);
void evolveAction(State& state, const Fact& fact, const GrantIssued& body);
void evolveAction(State& state, const Fact& fact, const GrantRevoked& body);
void evolveAction(State& state, const Fact& fact, const GrantExpired& body);
void evolveAction(State& state, const Fact& fact, const GuardStarted& body);
void evolveAction(State& state, const Fact& fact, const GuardLost& body);
void evolveAction(State& state, const Fact& fact, const RulesEnforced& body);
void evolveAction(State& state, const Fact& fact, const TrafficCounted& body);
void evolveAction(State& state, const Fact& fact, const RecordsNotWritten& body);
void evolveAction(State& state, const Fact& fact, const ConnectionsHeld& body);
void evolveAction(State& state, const Fact& fact, const EmergencyStopped& body);
void evolveAction(State& state, const Fact& fact, const Rearmed& body);
void evolveAction(State& state, const Fact& fact, const LatchReleased& body);

// Of a run that has ended: what was said with its guards, and what was granted to it alone.
void endConversation(State& state, Run& run, const Now& at);

}  // namespace ringfence::supervisor
