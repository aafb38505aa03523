// The stored fields of facts about actions, grants and guards, and of what the state keeps of them. For codec.cc alone.
#pragma once

#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>

#include "supervisor/core/state.h"

namespace ringfence::supervisor::stored {

template <typename F, typename T>
concept Of = std::same_as<std::remove_const_t<F>, T>;

// ---- names that are stored for ever

inline constexpr std::array<std::string_view, 5> kOperations{"read", "write", "exec", "connect", "call"};
inline constexpr std::array<std::string_view, 3> kGuards{"warden", "egress", "agent"};
inline constexpr std::array<std::string_view, 3> kReversibilities{"undoable", "irreversible", "leaves-device"};
inline constexpr std::array<std::string_view, 6> kSettled{"allowed", "denied",  "rewritten",
                                                          "expired", "stopped", "withdrawn"};
inline constexpr std::array<std::string_view, 4> kScopes{"once", "run", "project", "always"};

constexpr auto& namesOf(policy::Operation) { return kOperations; }
constexpr auto& namesOf(sandbox::GuardKind) { return kGuards; }
constexpr auto& namesOf(sandbox::Reversibility) { return kReversibilities; }
constexpr auto& namesOf(Settled) { return kSettled; }
constexpr auto& namesOf(GrantScope) { return kScopes; }

// ---- fields, one line a type

// clang-format off
template <typename A, Of<sandbox::ProcessLink> F> void fields(A& a, F& f) { a("name", f.name); a("pid", f.pid); }
template <typename A, Of<sandbox::GuardedAction> F> void fields(A& a, F& f) {
  a("argv", f.action.argv); a("chain", f.chain); a("chain_note", f.chainNote); a("cwd", f.cwd); a("object", f.object);
  a("op", f.action.operation);
  a("reversible", f.reversible); a("second", f.second); a("target", f.action.target); a("what", f.what);
}
template <typename A, Of<sandbox::GuardRule> F> void fields(A& a, F& f) {
  a("file", f.origin.file); a("line", f.origin.line); a("source", f.origin.text); a("text", f.text); a("why", f.why);
}
template <typename A, Of<sandbox::Rewrite> F> void fields(A& a, F& f) {
  a("argv", f.argv); a("content", f.content); a("host", f.host); a("path", f.path);
}
template <typename A, Of<sandbox::HostTraffic> F> void fields(A& a, F& f) {
  a("connections", f.connections); a("host", f.host); a("port", f.port); a("received_bytes", f.receivedBytes);
  a("sent_bytes", f.sentBytes);
}

template <typename A, Of<ActionAsked> F> void fields(A& a, F& f) {
  a("action", f.action); a("ask", f.ask); a("batch", f.batch); a("day", f.day); a("deadline_us", f.deadline);
  a("digest", f.digest);
  a("guard", f.guard); a("id", f.id); a("policy_hash", f.policyHash); a("rule", f.rule);
}
template <typename A, Of<AskJoined> F> void fields(A& a, F& f) { a("ask", f.ask); a("guard", f.guard); a("id", f.id); }
template <typename A, Of<AskLeft> F> void fields(A& a, F& f) { a("ask", f.ask); a("guard", f.guard); a("id", f.id); a("why", f.why); }
template <typename A, Of<ActionAnswered> F> void fields(A& a, F& f) {
  a("by_uid", f.byUid); a("id", f.id); a("outcome", f.outcome); a("rewrite", f.rewrite); a("say", f.say);
  a("scope", f.scope);
}
template <typename A, Of<ActionPerformed> F> void fields(A& a, F& f) {
  a("ask", f.ask); a("errno", f.sysErrno); a("guard", f.guard); a("id", f.id); a("note", f.note);
}
template <typename A, Of<ActionRecord> F> void fields(A& a, F& f) {
  a("action", f.action); a("count", f.count); a("guard", f.guard); a("policy_hash", f.policyHash); a("rule", f.rule);
  a("ticket", f.ticket);
}
template <typename A, Of<ActionDenied> F> void fields(A& a, F& f) { fields(a, f.what); }
template <typename A, Of<ActionRewritten> F> void fields(A& a, F& f) { fields(a, f.what); a("rewrite", f.rewrite); }
template <typename A, Of<ConnectionOpened> F> void fields(A& a, F& f) { fields(a, f.what); }
template <typename A, Of<OutcomeUnknown> F> void fields(A& a, F& f) { fields(a, f.what); }
template <typename A, Of<AsksRefused> F> void fields(A& a, F& f) { a("action", f.action); a("count", f.count); a("rule", f.rule); a("why", f.why); }
template <typename A, Of<AllowedCount> F> void fields(A& a, F& f) {
  a("argv", f.argv); a("count", f.count); a("name", f.name); a("op", f.operation); a("pid", f.pid); a("rule", f.rule);
  a("second", f.second); a("target", f.target); a("what", f.what);
}
template <typename A, Of<LaterFile> F> void fields(A& a, F& f) {
  a("name", f.name); a("obeyed_by", f.obeyedBy); a("path", f.path); a("pid", f.pid);
}
template <typename A, Of<LaterReport> F> void fields(A& a, F& f) { a("files", f.files); a("more", f.more); }
template <typename A, Of<ActionsAllowed> F> void fields(A& a, F& f) {
  a("actions", f.actions); a("guard", f.guard); a("policy_hash", f.policyHash); a("up_to", f.upTo);
}
template <typename A, Of<GrantIssued> F> void fields(A& a, F& f) {
  a("argv", f.argv); a("by_uid", f.byUid); a("id", f.id); a("op", f.operation); a("policy_text", f.policyText);
  a("question", f.question); a("scope", f.scope); a("target", f.target); a("uid", f.uid);
  a("until_boottime_us", f.untilBoottime); a("until_wall_us", f.untilWall); a("workspace", f.workspace);
}
template <typename A, Of<GrantRevoked> F> void fields(A& a, F& f) { a("by_uid", f.byUid); a("id", f.id); a("uid", f.uid); }
template <typename A, Of<GrantExpired> F> void fields(A& a, F& f) { a("id", f.id); a("uid", f.uid); a("why", f.why); }
template <typename A, Of<GuardStarted> F> void fields(A& a, F& f) { a("guard", f.guard); a("pid", f.pid); a("restarted", f.restarted); }
template <typename A, Of<GuardLost> F> void fields(A& a, F& f) { a("guard", f.guard); a("pid", f.pid); a("reason", f.reason); }
template <typename A, Of<RulesEnforced> F> void fields(A& a, F& f) {
  a("cut", f.cut); a("generation", f.generation); a("guard", f.guard); a("policy_hash", f.policyHash);
}
template <typename A, Of<TrafficCounted> F> void fields(A& a, F& f) { a("hosts", f.hosts); }
template <typename A, Of<ConnectionsHeld> F> void fields(A& a, F& f) {
  auto& told = f.report;
  a("closed", told.closed); a("connections", told.connections); a("full", told.full); a("held_ms", told.heldMs);
  a("kept_bytes", told.keptBytes); a("reset", told.reset);
}
template <typename A, Of<RecordsNotWritten> F> void fields(A& a, F& f) { a("count", f.count); a("guard", f.guard); }

// ---- what the state keeps

template <typename A, Of<Now> F> void fields(A& a, F& f) { a("boottime_us", f.boottime); a("monotonic_us", f.monotonic); a("wall_us", f.wall); }
template <typename A, Of<AskName> F> void fields(A& a, F& f) { a("ask", f.ask); a("guard", f.guard); }
template <typename A, Of<Question> F> void fields(A& a, F& f) { a("asked_at", f.askedAt); a("run", f.run); a("waiting", f.waiting); a("what", f.what); }
template <typename A, Of<ClosedQuestion> F> void fields(A& a, F& f) {
  a("answer", f.answer); a("at", f.at); a("chain", f.chain); a("chain_note", f.chainNote); a("id", f.id);
  a("key", f.key); a("owner_uid", f.ownerUid); a("run", f.run);
}
template <typename A, Of<AnsweredAsk> F> void fields(A& a, F& f) {
  a("id", f.id); a("name", f.name); a("outcome", f.outcome); a("rewrite", f.rewrite); a("say", f.say);
}
template <typename A, Of<StandingGrant> F> void fields(A& a, F& f) {
  a("boot_id", f.bootId); a("hits", f.hits); a("issued_at", f.issuedAt); a("run", f.run); a("seq", f.seq); a("what", f.what);
}
template <typename A, Of<EndedGrant> F> void fields(A& a, F& f) { a("at", f.at); a("by_uid", f.byUid); a("grant", f.grant); a("why", f.why); }
template <typename A, Of<GuardMemory> F> void fields(A& a, F& f) {
  a("generation", f.generation); a("pid", f.pid); a("ring_up_to", f.ringUpTo); a("tickets", f.tickets);
}
template <typename A, Of<LaterFiles> F> void fields(A& a, F& f) {
  a("more", f.more); a("paths", f.paths); a("writers", f.writers);
}
template <typename A, Of<Conversation> F> void fields(A& a, F& f) {
  a("answered", f.answered); a("asked_at_us", f.askedAt); a("egress", f.egress); a("later", f.later);
  a("refused", f.refused);
  a("traffic", f.traffic); a("warden", f.warden);
}
// clang-format on

}  // namespace ringfence::supervisor::stored
