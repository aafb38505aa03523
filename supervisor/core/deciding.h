// A decision in the making: facts are numbered as they are recorded. For the decide*.cc files alone.
#pragma once

#include <utility>

#include "supervisor/core/budgets.h"
#include "supervisor/core/decide.h"

namespace ringfence::supervisor {

class Deciding {
 public:
  Deciding(const State& state, const Context& context) : state_(state), context_(context) {}

  const State& state() const { return state_; }
  const Context& context() const { return context_; }

  // Records a fact, published once it is durable; yields its seq.
  std::uint64_t record(const RunId& run, FactBody body) {
    const std::uint64_t seq = state_.lastSeq + decision_.facts.size() + 1;
    decision_.facts.push_back(
        {.seq = seq, .run = run, .at = context_.now, .bootId = context_.bootId, .body = std::move(body)});
    after(seq, Publish{seq});
    return seq;
  }
  void atOnce(EffectBody effect) { after(0, std::move(effect)); }
  void after(std::uint64_t seq, EffectBody effect);
  void tellLauncher(std::uint64_t afterSeq, sandbox::LauncherRequest request) {
    after(afterSeq, SendToLauncher{std::move(request)});
  }

  const std::vector<Fact>& facts() const { return decision_.facts; }
  Decision take() && { return std::move(decision_); }

 private:
  const State& state_;
  const Context& context_;
  Decision decision_;
};

// kLatched: the emergency stop met it before it ran.
enum class StopKind { kHangUp, kTerminate, kKill, kLatched };

// How it is asked to end: as its adapter says, or by SIGTERM and with kStopGrace.
StopMethod stopMethodOf(const Run& run);
// Ends a live run: asks it to (or kills it, where it cannot be asked yet), and sets a deadline.
void stopRun(Deciding& deciding, const Run& run, StopKind kind, std::uint32_t byUid, std::string reason);
// Stops the agent where it stands, without waiting for the disk. Its guards go on: its egress keeps the connections.
void holdAgent(Deciding& deciding, const Run& run);
// It runs, or is held by what would let it go by itself.
bool mayFreeze(const Run& run);
// Holds it until a person lets it go on.
void freezeFor(Deciding& deciding, const Run& run, std::uint32_t byUid, std::string reason);
void decidePauseDue(Deciding& deciding, const PauseDue& command);
// False: nobody is about to freeze it.
bool takeBackPause(Deciding& deciding, const Run& run, std::uint32_t byUid);
// Lets go whatever holds it, once that fact is durable. Nobody while the emergency stop is latched.
void letGoOf(Deciding& deciding, const Run& run, std::uint64_t seq);
// Kills and removes the groups of a run about which nothing is known, so in either branch.
void removeStrayGroups(Deciding& deciding, const RunId& run);

Result<void> decidePrune(Deciding& deciding, const PruneHomes& command);

void decideLauncherSaid(Deciding& deciding, const LauncherSaid& command);
void decideLauncherConnected(Deciding& deciding, const LauncherConnected& command);
void decideDaemonBegan(Deciding& deciding, const DaemonBegan& command, const Context& context);

// Fails with kBusy where a device that the run would hold is held by others.
Result<void> checkLeases(const State& state, const AdmitRun& command);
void giveLeases(Deciding& deciding, const AdmitRun& command);
// Of a run that ends with this decision.
void endLeases(Deciding& deciding, const RunId& run);
// Of a run that lives on; and again what it had. The latter fails as checkLeases does.
void dropLeases(Deciding& deciding, const Run& run);
Result<void> takeLeasesAgain(Deciding& deciding, const Run& run, const Peer& peer);

void decideStopHeard(Deciding& deciding, const StopHeard& command);
void decideStopKills(Deciding& deciding, const StopKills& command);
Result<void> decideRearm(Deciding& deciding, const RearmStop& command);
void decideLatchOpened(Deciding& deciding);

// In what its agent can read about denials. Waits for no disk. Empty `say`: nothing.
void tellOfLimit(Deciding& deciding, const Run& run, const std::string& limit, const std::string& say);

Result<void> decideUsage(Deciding& deciding, const ReportUsage& command, const Context& context);
void decideAnswers(Deciding& deciding, const CountAnswers& command, const Context& context);
// Of a run whose sums are `after` with what this decision records: tells of budgets whose end is near now.
void warnOfBudgets(Deciding& deciding, const Run& run, const Spent& after, const Context& context);
// With one question more.
void warnOfPrompts(Deciding& deciding, const Run& run, const Context& context);
// Of a run that a person lets go on: each budget at its end goes on from there for as much as its policy has.
void extendBudgets(Deciding& deciding, const Run& run, std::uint32_t byUid, const Context& context);
// It asked as often as it may: held or ended, as its policy says. False: it goes on.
bool holdForPrompts(Deciding& deciding, const Run& run, const PromptsSpent& spent);
// The end of a live run, with how much of the day it lived.
std::uint64_t recordEnd(Deciding& deciding, const Run& run, RunEnded end);
Result<void> decideAgentStop(Deciding& deciding, const AgentStops& command);

void decidePreempt(Deciding& deciding, const PreemptRun& command);
void decideAlarm(Deciding& deciding, const AlarmFound& command);
void decideLimit(Deciding& deciding, const LimitFound& command);
void decideProcessors(Deciding& deciding, const ReserveProcessors& command);
void decideMeasured(Deciding& deciding, const InterruptionCost& command);

void decideRecordsFailed(Deciding& deciding, const RecordsFailed& command);
void decideRecordsWork(Deciding& deciding);
void decideGroupsTouched(Deciding& deciding, const GroupsTouched& command);

void decideAsk(Deciding& deciding, const AskRaised& command, const Context& context);
void decideOverflow(Deciding& deciding, const AsksOverflowed& command, const Context& context);
void decideWithdrawal(Deciding& deciding, const AskWithdrawn& command);
// All that one guard asked and nobody answered.
void withdrawAsksOf(Deciding& deciding, const GuardName& guard, const std::string& why);
Result<void> decideAnswer(Deciding& deciding, const AnswerCard& command, const Context& context);
Result<void> decideRevocation(Deciding& deciding, const RevokeGrant& command);
// Questions and grants whose time is over.
void decideTime(Deciding& deciding, const Context& context);
// The open questions of a run that ends, is asked to or is held for good. `why`: to the agent; empty: the usual words.
void settleQuestionsOf(Deciding& deciding, const RunId& run, Settled outcome, const std::string& why = {});
// Those that its agent asks itself before it acts, of a run that a person or the agent holds.
void settleOwnQuestionsOf(Deciding& deciding, const RunId& run, const std::string& why);

void decideRecord(Deciding& deciding, const RecordTold& command);
void decideDrained(Deciding& deciding, const ActionsDrained& command);
void decidePerformed(Deciding& deciding, const AskPerformed& command);
void decideGreeting(Deciding& deciding, const GuardGreeted& command);
void decideGuardFailure(Deciding& deciding, const GuardFailed& command);
void decideRulesTaken(Deciding& deciding, const RulesTaken& command);
void decideTraffic(Deciding& deciding, const TrafficTold& command);
void decideOmitted(Deciding& deciding, const RecordsOmitted& command);
void decideHoldTold(Deciding& deciding, const HoldTold& command);

}  // namespace ringfence::supervisor
