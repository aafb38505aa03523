#include "supervisor/core/decide.h"

#include <algorithm>
#include <csignal>

#include "sdk/base/bounded_text.h"
#include "sdk/base/sha256.h"
#include "supervisor/core/deciding.h"
#include "supervisor/core/latch.h"
#include "supervisor/core/login.h"
#include "supervisor/core/lookup.h"
#include "supervisor/core/reason.h"

namespace ringfence::supervisor {
namespace {

Error refuse(ErrorCode code, std::string message) { return {code, std::move(message), 0}; }

// What is missing of a person's words is marked.
std::string clip(const std::string& reason) {
  return boundedReason(reason) + (reason.size() > kMaxReasonBytes ? "…" : "");
}

bool hasNotStarted(const Run& run) {
  return std::holds_alternative<Requested>(run.life) || std::holds_alternative<Starting>(run.life);
}

Error wrongState(const Run& run, std::string_view verb) {
  const std::string_view life = lifeName(run.life);
  std::string message = "run " + describe(run);
  if (life == "ended") return refuse(ErrorCode::kInvalid, message + " has ended: it cannot be " + std::string(verb));
  if (life == verb) return refuse(ErrorCode::kInvalid, message + " is " + std::string(life) + " already");
  message += " is " + std::string(life);
  if (life == "running") return refuse(ErrorCode::kInvalid, message + ", not frozen: there is nothing to resume");
  if (life == "stopping" && verb == "stopped")
    return refuse(ErrorCode::kInvalid, message + " already; kill ends it now");
  message += ": it cannot be " + std::string(verb);
  if (hasNotStarted(run)) message += " before it runs; stop or kill it, or try again";
  return refuse(ErrorCode::kInvalid, std::move(message));
}

// ---- admission

Result<void> checkRequest(const State& state, const AdmitRun& command) {
  const sandbox::Plan& plan = command.plan;
  if (command.peer.uid != 0 && command.peer.uid != plan.identity.callerUid) {
    return refuse(ErrorCode::kDenied,
                  "only root may start a run for somebody else (uid " + std::to_string(plan.identity.callerUid) + ")");
  }
  if (plan.run.empty()) return refuse(ErrorCode::kInvalid, "the plan names no run");
  if (state.runs.contains(plan.run)) return refuse(ErrorCode::kInvalid, "run " + plan.run.text() + " exists already");
  if (plan.identity.uid == 0)
    return refuse(ErrorCode::kInvalid, "a run is never uid 0; the plan of " + plan.run.text() + " says it is");
  if (plan.command.empty()) return refuse(ErrorCode::kInvalid, "no command was given");
  if (command.name.size() > kMaxNameBytes) {
    return refuse(ErrorCode::kInvalid, "the name is longer than " + std::to_string(kMaxNameBytes) + " bytes");
  }
  if (RunId::parse(command.name))
    return refuse(ErrorCode::kInvalid, "the name " + command.name + " has the form of a run's id; choose another");
  return {};
}

// A longer argument is recorded by its beginning, its length and its digest.
std::string recordedArgument(const std::string& argument, std::size_t room) {
  if (argument.size() <= room) return argument;
  return std::string(beginningOf(argument, room)) + "… (" + std::to_string(argument.size()) + " bytes, sha256 " +
         sha256Hex(argument) + ")";
}

// The whole command where it is no longer than kMaxCommandBytes, as nearly every one is; the plan's hash is of all of
// it.
std::vector<std::string> recordedCommand(const std::vector<std::string>& command) {
  constexpr std::size_t kShort = 4096;
  std::size_t whole = 0;
  for (const std::string& argument : command) whole += argument.size() + 1;
  if (whole <= kMaxCommandBytes) return command;
  std::vector<std::string> recorded;
  std::size_t left = kMaxCommandBytes;
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (left < 2 * kShort) {
      std::string rest;
      for (std::size_t j = i; j < command.size(); ++j) rest += command[j] + '\0';
      recorded.push_back("… (" + std::to_string(command.size() - i) + " more arguments, " +
                         std::to_string(rest.size()) + " bytes, sha256 " + sha256Hex(rest) + ")");
      break;
    }
    recorded.push_back(recordedArgument(command[i], kShort));
    left -= recorded.back().size() + 1;
  }
  return recorded;
}

Result<void> checkRoom(const State& state, std::uint32_t ownerUid) {
  if (state.latch) return refusedByLatch(*state.latch);
  if (!state.launcherReady) {
    return refuse(ErrorCode::kUnavailable,
                  "no launcher: nothing can be started until ringfence-launcher is back; try again in a moment");
  }
  std::size_t live = 0, own = 0;
  for (const auto& [id, run] : state.runs) {
    if (!isLive(run)) continue;
    ++live;
    own += run.what.callerUid == ownerUid ? 1U : 0U;
  }
  if (live >= kMaxLiveRuns) {
    return refuse(ErrorCode::kUnavailable,
                  std::to_string(live) + " runs are live, the most that this daemon keeps; end one first");
  }
  if (own >= kMaxLiveRunsPerUser) {
    return refuse(ErrorCode::kUnavailable, "uid " + std::to_string(ownerUid) + " has " + std::to_string(own) +
                                               " live runs, the most for one user; end one first");
  }
  return {};
}

Result<void> decideOn(Deciding& deciding, const AdmitRun& command, const Context&) {
  RF_TRY(checkRequest(deciding.state(), command));
  const sandbox::Plan& plan = command.plan;
  RF_TRY(checkRoom(deciding.state(), plan.identity.callerUid));
  RF_TRY(checkLeases(deciding.state(), command));
  // Building overlaps with the commit: it starts nothing of the agent's. Only the release waits for the disk, and for
  // nothing else of ours: the launcher itself reads the walls back, and ends a run of which one is not up.
  deciding.tellLauncher(0, sandbox::Launch{plan});
  const std::uint64_t admitted = deciding.record(plan.run, RunAdmitted{.name = command.name,
                                                                       .callerUid = plan.identity.callerUid,
                                                                       .uid = plan.identity.uid,
                                                                       .gid = plan.identity.gid,
                                                                       .command = recordedCommand(plan.command),
                                                                       .workspace = command.workspace,
                                                                       .policyName = plan.policyName,
                                                                       .policyHash = plan.policyHash,
                                                                       .planHash = command.planHash,
                                                                       .priority = plan.priority,
                                                                       .stdio = plan.stdio,
                                                                       .weakened = plan.weakened,
                                                                       .detached = command.detached,
                                                                       .terms = command.terms});
  deciding.tellLauncher(admitted, sandbox::Release{plan.run});
  giveLeases(deciding, command);
  return {};
}

// ---- freeze, resume, stop, kill

Result<void> decideOn(Deciding& deciding, const FreezeRun& command, const Context&) {
  const Run* run = RF_TRY(findControllable(deciding.state(), command.peer, command.run));
  if (!mayFreeze(*run)) return wrongState(*run, "frozen");
  if (command.grace && std::holds_alternative<Running>(run->life) && findPausing(deciding.state(), run->id) == nullptr)
    deciding.record(run->id, RunPausing{command.peer.uid, clip(command.reason),
                                        static_cast<std::uint64_t>(std::max<std::int64_t>(command.grace->count(), 0))});
  else
    freezeFor(deciding, *run, command.peer.uid, clip(command.reason));
  return {};
}

Result<void> decideOn(Deciding& deciding, const PauseDue& command, const Context&) {
  decidePauseDue(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const ResumeRun& command, const Context& context) {
  const Run* run = RF_TRY(findControllable(deciding.state(), command.peer, command.run));
  RF_TRY(requireLogin(command.peer));
  if (takeBackPause(deciding, *run, command.peer.uid)) return {};
  if (!std::holds_alternative<Frozen>(run->life)) return wrongState(*run, "resumed");
  if (deciding.state().latch) return refusedByLatch(*deciding.state().latch);
  RF_TRY(takeLeasesAgain(deciding, *run, command.peer));
  extendBudgets(deciding, *run, command.peer.uid, context);
  // Letting go is a decision like any other: it waits until it is durable. Only holding and ending do not wait.
  letGoOf(deciding, *run, deciding.record(run->id, RunResumed{command.peer.uid}));
  return {};
}

Result<void> decideOn(Deciding& deciding, const StopRun& command, const Context&) {
  const Run* run = RF_TRY(findControllable(deciding.state(), command.peer, command.run));
  if (!isLive(*run) || std::holds_alternative<Stopping>(run->life)) return wrongState(*run, "stopped");
  stopRun(deciding, *run, StopKind::kTerminate, command.peer.uid, command.reason);
  return {};
}

Result<void> decideOn(Deciding& deciding, const KillRun& command, const Context&) {
  const Run* run = RF_TRY(findControllable(deciding.state(), command.peer, command.run));
  if (!isLive(*run)) return wrongState(*run, "killed");
  stopRun(deciding, *run, StopKind::kKill, command.peer.uid, command.reason);
  return {};
}

Result<void> decideOn(Deciding& deciding, const ClientLost& command, const Context&) {
  const Run* run = findLive(deciding.state(), command.run);
  if (run == nullptr || std::holds_alternative<Stopping>(run->life)) return {};
  // A run with a terminal detaches; a detached one has no client to lose.
  if (run->what.detached || run->what.stdio != sandbox::Stdio::kDescriptors) return {};
  stopRun(deciding, *run, StopKind::kHangUp, run->what.callerUid, "its client is gone");
  return {};
}

Result<void> decideOn(Deciding& deciding, const TimerFired& command, const Context&) {
  const Run* run = findKnown(deciding.state(), command.run);
  if (run == nullptr || !std::holds_alternative<Stopping>(run->life)) return {};
  stopRun(deciding, *run, StopKind::kKill, 0, "still there when its time to end was over");
  return {};
}

// ---- the rest

bool isHash(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<void> decideOn(Deciding& deciding, const TrustPolicy& command, const Context&) {
  if (command.file.empty() || command.file.front() != '/' || command.file.size() > kMaxTrustedPathBytes) {
    return refuse(ErrorCode::kInvalid, "the policy file to trust needs an absolute path of at most " +
                                           std::to_string(kMaxTrustedPathBytes) + " bytes");
  }
  if (!isHash(command.hash)) return refuse(ErrorCode::kInvalid, "the hash to trust is not 64 hexadecimal digits");
  const auto& trusted = deciding.state().trusted;
  std::size_t own = 0;
  for (const auto& [key, hash] : trusted) own += key.first == command.peer.uid ? 1U : 0U;
  if (own >= kMaxTrustedPerUser && !trusted.contains({command.peer.uid, command.file})) {
    return refuse(ErrorCode::kUnavailable, "uid " + std::to_string(command.peer.uid) + " trusts " +
                                               std::to_string(own) + " policy files, the most for one user");
  }
  deciding.record({}, PolicyTrusted{command.peer.uid, command.file, command.hash});
  return {};
}

Result<void> decideOn(Deciding& deciding, const PruneHomes& command, const Context&) {
  return decidePrune(deciding, command);
}

Result<void> decideOn(Deciding& deciding, const LauncherSaid& command, const Context&) {
  decideLauncherSaid(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const LauncherConnected& command, const Context&) {
  decideLauncherConnected(deciding, command);
  return {};
}

// Live runs stay: their descriptors are with the daemon, which hands them to the next launcher.
Result<void> decideOn(Deciding& deciding, const LauncherGone& command, const Context&) {
  if (deciding.state().launcherReady) deciding.record({}, LauncherLost{command.reason});
  return {};
}

Result<void> decideOn(Deciding& deciding, const DaemonBegan& command, const Context& context) {
  decideDaemonBegan(deciding, command, context);
  return {};
}

Result<void> decideOn(Deciding& deciding, const DaemonEnds& command, const Context&) {
  deciding.record({}, DaemonStopping{command.reason});
  return {};
}

// ---- what the governor does

Result<void> decideOn(Deciding& deciding, const PreemptRun& command, const Context&) {
  decidePreempt(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const AlarmFound& command, const Context&) {
  decideAlarm(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const ReserveProcessors& command, const Context&) {
  decideProcessors(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const LimitFound& command, const Context&) {
  decideLimit(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const InterruptionCost& command, const Context&) {
  decideMeasured(deciding, command);
  return {};
}

// ---- what agents ask

Result<void> decideOn(Deciding& deciding, const ReportUsage& command, const Context& context) {
  return decideUsage(deciding, command, context);
}

Result<void> decideOn(Deciding& deciding, const CountAnswers& command, const Context& context) {
  decideAnswers(deciding, command, context);
  return {};
}

Result<void> decideOn(Deciding& deciding, const AgentStops& command, const Context&) {
  return decideAgentStop(deciding, command);
}

// ---- faults

Result<void> decideOn(Deciding& deciding, const RecordsFailed& command, const Context&) {
  decideRecordsFailed(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const RecordsWork&, const Context&) {
  decideRecordsWork(deciding);
  return {};
}

Result<void> decideOn(Deciding& deciding, const GroupsTouched& command, const Context&) {
  decideGroupsTouched(deciding, command);
  return {};
}

// ---- guards and questions

Result<void> decideOn(Deciding& deciding, const AskRaised& command, const Context& context) {
  decideAsk(deciding, command, context);
  return {};
}

Result<void> decideOn(Deciding& deciding, const AsksOverflowed& command, const Context& context) {
  decideOverflow(deciding, command, context);
  return {};
}

Result<void> decideOn(Deciding& deciding, const AskWithdrawn& command, const Context&) {
  decideWithdrawal(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const AnswerCard& command, const Context& context) {
  return decideAnswer(deciding, command, context);
}

Result<void> decideOn(Deciding& deciding, const RevokeGrant& command, const Context&) {
  return decideRevocation(deciding, command);
}

Result<void> decideOn(Deciding& deciding, const TimePassed&, const Context& context) {
  decideTime(deciding, context);
  return {};
}

Result<void> decideOn(Deciding& deciding, const AskPerformed& command, const Context&) {
  decidePerformed(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const RecordTold& command, const Context&) {
  decideRecord(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const ActionsDrained& command, const Context&) {
  decideDrained(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const GuardGreeted& command, const Context&) {
  decideGreeting(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const GuardFailed& command, const Context&) {
  decideGuardFailure(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const RulesTaken& command, const Context&) {
  decideRulesTaken(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const HoldTold& command, const Context&) {
  decideHoldTold(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const RecordsOmitted& command, const Context&) {
  decideOmitted(deciding, command);
  return {};
}
Result<void> decideOn(Deciding& deciding, const TrafficTold& command, const Context&) {
  decideTraffic(deciding, command);
  return {};
}

// ---- the emergency stop

Result<void> decideOn(Deciding& deciding, const StopHeard& command, const Context&) {
  decideStopHeard(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const StopKills& command, const Context&) {
  decideStopKills(deciding, command);
  return {};
}

Result<void> decideOn(Deciding& deciding, const RearmStop& command, const Context&) {
  return decideRearm(deciding, command);
}

Result<void> decideOn(Deciding& deciding, const LatchOpened&, const Context&) {
  decideLatchOpened(deciding);
  return {};
}

// Whatever ended a run or kills it: nobody is left to act on an answer. One that is asked to end decides itself what
// the signal means for a call that waits.
void settleEnds(Deciding& deciding) {
  std::map<RunId, Settled> ends;
  std::set<RunId> over;
  for (const Fact& fact : deciding.facts()) {
    if (std::holds_alternative<RunEnded>(fact.body) || std::holds_alternative<RunRefused>(fact.body)) {
      ends.try_emplace(fact.run, Settled::kWithdrawn);
      over.insert(fact.run);
    }
    const auto* stopping = std::get_if<RunStopping>(&fact.body);
    if (stopping != nullptr && stopping->kill) ends.try_emplace(fact.run, Settled::kStopped);
  }
  for (const auto& [run, outcome] : ends) settleQuestionsOf(deciding, run, outcome);
  for (const RunId& run : over) endLeases(deciding, run);
}

}  // namespace

void Deciding::after(std::uint64_t seq, EffectBody effect) {
  decision_.effects.emplace_back();
  decision_.effects.back().afterSeq = seq;
  decision_.effects.back().body = std::move(effect);
}

StopMethod stopMethodOf(const Run& run) {
  const StopMethod usual{SIGTERM, static_cast<std::uint64_t>(kStopGrace.count()) / 1000};
  const auto adapter = termsOf(run).adapter;
  return adapter ? adapter->stop.value_or(usual) : usual;
}

void stopRun(Deciding& deciding, const Run& run, StopKind kind, std::uint32_t byUid, std::string reason) {
  // Before the command runs there is nobody to ask.
  const bool kill =
      kind == StopKind::kKill || kind == StopKind::kLatched || hasNotStarted(run) || commandPid(run.life) == 0;
  const auto* stopping = std::get_if<Stopping>(&run.life);
  const bool alreadyKilled = stopping != nullptr && stopping->killed;
  const StopMethod method = stopMethodOf(run);
  const bool isHangUp = kind == StopKind::kHangUp;
  if (kill) {
    if (commandPid(run.life) == 0) deciding.tellLauncher(0, sandbox::Abandon{run.id});
    deciding.atOnce(KillGroup{run.id, run.what.priority});
  } else {
    const int signal = isHangUp ? SIGHUP : static_cast<int>(method.signal);
    deciding.tellLauncher(0, sandbox::SignalRun{run.id, signal});
  }
  // Looks again: at what did not end when asked, and at what a kill has not ended yet.
  const bool isUsual = kill || isHangUp || deciding.state().latch;
  deciding.atOnce(ArmTimer{run.id, isUsual ? kStopGrace : std::chrono::seconds(method.patienceSec)});
  if (alreadyKilled) return;
  const auto latched = kind == StopKind::kLatched ? std::optional(true) : std::nullopt;
  const std::uint64_t seq = deciding.record(run.id, RunStopping{byUid, kill, clip(reason), latched});
  // A frozen run gets its signal when it thaws; thawing waits for the disk, the kill at the deadline does not.
  if (!kill && std::holds_alternative<Frozen>(run.life)) letGoOf(deciding, run, seq);
}

std::uint64_t recordEnd(Deciding& deciding, const Run& run, RunEnded end) {
  end.ofDay = timeOfDay(run, deciding.context().now, deciding.context().today);
  return deciding.record(run.id, std::move(end));
}

void removeStrayGroups(Deciding& deciding, const RunId& run) {
  for (const auto priority : {policy::PriorityClass::kInteractive, policy::PriorityClass::kBackground}) {
    deciding.atOnce(KillGroup{run, priority});
    deciding.atOnce(RemoveGroup{run, priority});
  }
}

Result<Decision> decide(const State& state, const Command& command, const Context& context) {
  Deciding deciding(state, context);
  RF_TRY(std::visit([&](const auto& one) { return decideOn(deciding, one, context); }, command));
  settleEnds(deciding);
  return std::move(deciding).take();
}

}  // namespace ringfence::supervisor
