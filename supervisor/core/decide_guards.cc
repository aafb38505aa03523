// What guards tell of themselves and of what they let through or held. They end after their run, and tell then what
// they counted last.
#include <algorithm>

#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"
#include "supervisor/core/reason.h"

namespace ringfence::supervisor {
namespace {

const GuardMemory& memoryOf(const Run& run, sandbox::GuardKind kind) {
  return kind == sandbox::GuardKind::kWarden ? run.talk.warden : run.talk.egress;
}

FactBody factOf(const RecordTold& command) {
  ActionRecord what{.guard = command.guard.kind,
                    .ticket = command.record.ticket,
                    .action = command.record.action,
                    .rule = command.record.rule,
                    .policyHash = command.policyHash,
                    .count = command.record.count};
  switch (command.record.kind) {
    case sandbox::RecordKind::kDenied: return ActionDenied{std::move(what)};
    case sandbox::RecordKind::kRewritten: return ActionRewritten{std::move(what), command.record.rewrite};
    case sandbox::RecordKind::kLeavesDevice: return ConnectionOpened{std::move(what)};
    case sandbox::RecordKind::kOutcomeUnknown: return OutcomeUnknown{std::move(what)};
  }
  return ActionDenied{std::move(what)};
}

}  // namespace

void decideRecord(Deciding& deciding, const RecordTold& command) {
  const Run* run = findKnown(deciding.state(), command.guard.run);
  if (run == nullptr) return;
  const std::uint64_t ticket = command.record.ticket;
  const auto& tickets = memoryOf(*run, command.guard.kind).tickets;
  const bool again = ticket != 0 && std::ranges::find(tickets, ticket) != tickets.end();
  // Told again after a restart: it is in the log, or on its way there.
  const std::uint64_t seq = again ? deciding.state().lastSeq : deciding.record(run->id, factOf(command));
  if (ticket != 0) deciding.after(seq, TellGuard{run->id, command.guard.kind, sandbox::Recorded{ticket}});
}

void decideDrained(Deciding& deciding, const ActionsDrained& command) {
  const Run* run = findKnown(deciding.state(), command.guard.run);
  if (run == nullptr) return;
  std::uint64_t seq = deciding.state().lastSeq;
  // What an agent asked itself is in no ring. Nothing: all is recorded, and to be let go when that is surely on disk.
  const bool isGuard = command.guard.kind != sandbox::GuardKind::kAgent;
  const bool isNew = !isGuard || memoryOf(*run, command.guard.kind).ringUpTo != command.upTo;
  if (isNew && !command.actions.empty())
    seq =
        deciding.record(run->id, ActionsAllowed{command.guard.kind, command.actions, command.policyHash, command.upTo});
  deciding.after(seq, SettleRing{run->id, command.guard.kind, command.upTo});
}

void decidePerformed(Deciding& deciding, const AskPerformed& command) {
  const Run* run = findLive(deciding.state(), command.guard.run);
  if (run == nullptr) return;
  const AskName name{command.guard.kind, command.performed.ask};
  const auto answered = std::ranges::find(run->talk.answered, name, &AnsweredAsk::name);
  if (answered == run->talk.answered.end()) return;
  deciding.record(run->id, ActionPerformed{answered->id, name.guard, name.ask, command.performed.sysErrno,
                                           boundedReason(command.performed.note)});
}

void decideGreeting(Deciding& deciding, const GuardGreeted& command) {
  const Run* run = findLive(deciding.state(), command.guard.run);
  if (run == nullptr) return;
  const GuardMemory& memory = memoryOf(*run, command.guard.kind);
  if (memory.pid == command.pid && command.pid != 0) return;  // The same as before the daemon was restarted.
  if (memory.pid != 0)
    deciding.record(run->id, GuardLost{command.guard.kind, memory.pid, "another one has taken its place"});
  deciding.record(run->id, GuardStarted{command.guard.kind, command.pid, command.restarted});
  // Connections end with their egress. A warden's calls are still held, and the next warden asks for them again.
  if (command.guard.kind == sandbox::GuardKind::kEgress && command.restarted)
    withdrawAsksOf(deciding, command.guard, "its connection ended with the egress that had it");
}

void decideGuardFailure(Deciding& deciding, const GuardFailed& command) {
  const Run* run = findLive(deciding.state(), command.guard.run);
  if (run == nullptr) return;
  deciding.record(run->id,
                  GuardLost{command.guard.kind, memoryOf(*run, command.guard.kind).pid, boundedReason(command.reason)});
}

void decideRulesTaken(Deciding& deciding, const RulesTaken& command) {
  const Run* run = findLive(deciding.state(), command.guard.run);
  if (run == nullptr || memoryOf(*run, command.guard.kind).generation == command.rules.generation) return;
  deciding.record(run->id,
                  RulesEnforced{command.guard.kind, command.rules.generation, command.policyHash, command.rules.cut});
}

void decideTraffic(Deciding& deciding, const TrafficTold& command) {
  const Run* run = findKnown(deciding.state(), command.run);
  if (run == nullptr || run->talk.traffic == command.hosts) return;
  deciding.record(run->id, TrafficCounted{command.hosts});
}

void decideOmitted(Deciding& deciding, const RecordsOmitted& command) {
  const Run* run = findKnown(deciding.state(), command.guard.run);
  if (run == nullptr || command.count == 0) return;
  deciding.record(run->id, RecordsNotWritten{command.guard.kind, command.count});
}

void decideHoldTold(Deciding& deciding, const HoldTold& command) {
  const Run* run = findKnown(deciding.state(), command.run);
  if (run == nullptr) return;
  deciding.record(run->id, ConnectionsHeld{command.report});
}

}  // namespace ringfence::supervisor
