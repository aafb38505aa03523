// The guard messages and the policy inside them, field by field, as sandbox/wire/describe.h does for the launcher's.
#pragma once

#include "sandbox/wire/describe.h"
#include "sandbox/wire/guard.h"

namespace ringfence::policy {

constexpr Mode lastOf(Mode) { return Mode::kAudit; }
constexpr Decision lastOf(Decision) { return Decision::kRewrite; }
constexpr WorkspaceAccess lastOf(WorkspaceAccess) { return WorkspaceAccess::kReadOnly; }
constexpr IdentityKind lastOf(IdentityKind) { return IdentityKind::kOwn; }
constexpr Operation lastOf(Operation) { return Operation::kCall; }

}  // namespace ringfence::policy

namespace ringfence::sandbox {

constexpr Reversibility lastOf(Reversibility) { return Reversibility::kLeavesDevice; }
constexpr RecordKind lastOf(RecordKind) { return RecordKind::kOutcomeUnknown; }
constexpr Outcome lastOf(Outcome) { return Outcome::kStopped; }
constexpr NetworkState lastOf(NetworkState) { return NetworkState::kStreaming; }

// ---- the policy

template <typename A>
void describe(A& a, typename A::template Of<policy::Origin>& value) {
  auto& [file, line, text] = value;
  a("file", file)("line", line)("text", text);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::PathRule>& value) {
  auto& [pattern, origin] = value;
  a("pattern", pattern)("origin", origin);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::PathRewrite>& value) {
  auto& [pattern, to, content, why, origin] = value;
  a("pattern", pattern)("to", to)("content", content)("why", why)("origin", origin);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Files>& value) {
  auto& [workspace, read, write, ask, askRead, forbid, rewrite] = value;
  a("workspace", workspace)("read", read)("write", write)("ask", ask)("askRead", askRead);
  a("forbid", forbid)("rewrite", rewrite);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::HostRule>& value) {
  auto& [host, cidr, port, why, origin] = value;
  a("host", host)("cidr", cidr)("port", port)("why", why)("origin", origin);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::HostRewrite>& value) {
  auto& [host, port, to, why, origin] = value;
  a("host", host)("port", port)("to", to)("why", why)("origin", origin);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Credential>& value) {
  auto& [host, port, header, prefix, fromVariable, baseVariable, origin] = value;
  a("host", host)("port", port)("header", header)("prefix", prefix);
  a("fromVariable", fromVariable)("baseVariable", baseVariable)("origin", origin);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Network>& value) {
  auto& [fallback, allow, ask, forbid, rewrite, loopback, publish, credentials, sendLimit] = value;
  a("fallback", fallback)("allow", allow)("ask", ask)("forbid", forbid)("rewrite", rewrite);
  a("loopback", loopback)("publish", publish)("credentials", credentials)("sendLimit", sendLimit);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::ExecRule>& value) {
  auto& [match, decide, why, origin, rewrite] = value;
  a("match", match)("decide", decide)("why", why)("origin", origin)("rewrite", rewrite);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::ToolRule>& value) {
  auto& [match, decide, why, origin] = value;
  a("match", match)("decide", decide)("why", why)("origin", origin);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Tools>& value) {
  auto& [fallback, rules] = value;
  a("fallback", fallback)("rules", rules);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Grant>& value) {
  auto& [id, operation, target, argv, until, origin, why] = value;
  a("id", id)("operation", operation)("target", target)("argv", argv)("until", until)("origin", origin)("why", why);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Prompt>& value) {
  auto& [timeout, perMinute] = value;
  a("timeout", timeout)("perMinute", perMinute);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Limits>& value) {
  auto& [cpu, memory, pids, npu, gpu, ioWrite, wallTime, tokens, tokensPerDay, cost, costPerDay, prompts, promptsPerDay,
         wallTimePerDay, warnAt, onLimit, onAlarm] = value;
  a("cpu", cpu)("memory", memory)("pids", pids)("npu", npu)("gpu", gpu)("ioWrite", ioWrite)("wallTime", wallTime);
  a("tokens", tokens)("tokensPerDay", tokensPerDay)("cost", cost)("costPerDay", costPerDay);
  a("prompts", prompts)("promptsPerDay", promptsPerDay)("wallTimePerDay", wallTimePerDay)("warnAt", warnAt);
  a("onLimit", onLimit)("onAlarm", onAlarm);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Environment>& value) {
  auto& [pass, set] = value;
  a("pass", pass)("set", set);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Document>& value) {
  auto& [name, mode, walls, files, network, exec, tools, grants, prompt, auditRead, identity, groups, limits, priority,
         preemptGrace, environment, origins] = value;
  a("name", name)("mode", mode)("walls", walls)("files", files)("network", network)("exec", exec)("tools", tools);
  a("grants", grants)("prompt", prompt)("auditRead", auditRead)("identity", identity)("groups", groups);
  a("limits", limits)("priority", priority)("preemptGrace", preemptGrace)("environment", environment)("origins",
                                                                                                      origins);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Places>& value) {
  auto& [workspace, home] = value;
  a("workspace", workspace)("home", home);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Action>& value) {
  auto& [operation, target, argv] = value;
  a("operation", operation)("target", target)("argv", argv);
}

// ---- what guards and daemon say

template <typename A>
void describe(A& a, typename A::template Of<GuardedAction>& value) {
  auto& [action, what, second, cwd, object, chain, reversible, chainNote] = value;
  static_cast<void>(chainNote);  // Stays with the daemon.
  a("action", action)("what", what)("second", second)("cwd", cwd)("object", object);
  a("chain", chain)("reversible", reversible);
}
template <typename A>
void describe(A& a, typename A::template Of<GuardRule>& value) {
  auto& [text, origin, why] = value;
  a("text", text)("origin", origin)("why", why);
}
template <typename A>
void describe(A& a, typename A::template Of<Rewrite>& value) {
  auto& [path, host, content, argv] = value;
  a("path", path)("host", host)("content", content)("argv", argv);
}
template <typename A>
void describe(A& a, typename A::template Of<GuardHello>& value) {
  auto& [version, kind, pid, restarted] = value;
  a("version", version)("kind", kind)("pid", pid)("restarted", restarted);
}
template <typename A>
void describe(A& a, typename A::template Of<Ask>& value) {
  auto& [ask, action, rule] = value;
  a("ask", ask)("action", action)("rule", rule);
}
template <typename A>
void describe(A& a, typename A::template Of<Withdraw>& value) {
  auto& [ask, why] = value;
  a("ask", ask)("why", why);
}
template <typename A>
void describe(A& a, typename A::template Of<Record>& value) {
  auto& [ticket, kind, action, rule, rewrite, count] = value;
  a("ticket", ticket)("kind", kind)("action", action)("rule", rule)("rewrite", rewrite)("count", count);
}
template <typename A>
void describe(A& a, typename A::template Of<Performed>& value) {
  auto& [ask, sysErrno, note] = value;
  a("ask", ask)("sysErrno", sysErrno)("note", note);
}
template <typename A>
void describe(A& a, typename A::template Of<HostTraffic>& value) {
  auto& [host, port, sentBytes, receivedBytes, connections] = value;
  a("host", host)("port", port)("sentBytes", sentBytes)("receivedBytes", receivedBytes)("connections", connections);
}
template <typename A>
void describe(A& a, typename A::template Of<Traffic>& value) {
  auto& [hosts] = value;
  a("hosts", hosts);
}
template <typename A>
void describe(A& a, typename A::template Of<RulesInForce>& value) {
  auto& [generation, cut] = value;
  a("generation", generation)("cut", cut);
}
template <typename A>
void describe(A&, typename A::template Of<ActionsWaiting>&) {}
template <typename A>
void describe(A& a, typename A::template Of<CredentialValue>& value) {
  auto& [secret] = value;
  a("value", secret);
}
template <typename A>
void describe(A& a, typename A::template Of<GuardRules>& value) {
  auto& [run, generation, document, places, credentials, traffic] = value;
  a("run", run)("generation", generation)("document", document)("places", places)("credentials", credentials);
  a("traffic", traffic);
}
template <typename A>
void describe(A& a, typename A::template Of<Answer>& value) {
  auto& [ask, outcome, say, rewrite] = value;
  a("ask", ask)("outcome", outcome)("say", say)("rewrite", rewrite);
}
template <typename A>
void describe(A& a, typename A::template Of<Recorded>& value) {
  auto& [ticket] = value;
  a("ticket", ticket);
}
template <typename A>
void describe(A&, typename A::template Of<Repeat>&) {}
template <typename A>
void describe(A& a, typename A::template Of<NetworkActivity>& value) {
  auto& [state, turns, quietForMs] = value;
  a("state", state)("turns", turns)("quietForMs", quietForMs);
}
template <typename A>
void describe(A& a, typename A::template Of<HoldReport>& value) {
  auto& [heldMs, connections, closed, reset, full, keptBytes] = value;
  a("heldMs", heldMs)("connections", connections)("closed", closed)("reset", reset)("full", full);
  a("keptBytes", keptBytes);
}
template <typename A>
void describe(A& a, typename A::template Of<ModelAnswers>& value) {
  auto& [model, answers, inputTokens, outputTokens] = value;
  a("model", model)("answers", answers)("inputTokens", inputTokens)("outputTokens", outputTokens);
}
template <typename A>
void describe(A& a, typename A::template Of<RunHeld>& value) {
  auto& [held] = value;
  a("held", held);
}
template <typename A>
void describe(A& a, typename A::template Of<DeferCalls>& value) {
  auto& [defer] = value;
  a("defer", defer);
}

}  // namespace ringfence::sandbox
