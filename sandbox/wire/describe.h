// Every struct that crosses the wire, field by field, once for both directions. The structured bindings make the
// compiler refuse a struct that gained a field which is not described here.
#pragma once

#include "sandbox/wire/archive.h"
#include "sandbox/wire/messages.h"

namespace ringfence::policy {

constexpr PriorityClass lastOf(PriorityClass) { return PriorityClass::kIdle; }
constexpr OnLimit lastOf(OnLimit) { return OnLimit::kKill; }
constexpr OnAlarm lastOf(OnAlarm) { return OnAlarm::kPause; }
constexpr WallStrength lastOf(WallStrength) { return WallStrength::kOff; }

}  // namespace ringfence::policy

namespace ringfence::sandbox {

constexpr Wall lastOf(Wall) { return Wall::kLimits; }
constexpr Access lastOf(Access) { return Access::kReadWrite; }
constexpr MaskKind lastOf(MaskKind) { return MaskKind::kEmpty; }
constexpr Stdio lastOf(Stdio) { return Stdio::kCaptured; }
constexpr SeccompAction lastOf(SeccompAction) { return SeccompAction::kNotify; }
constexpr ArgOp lastOf(ArgOp) { return ArgOp::kGreaterOrEqual; }
constexpr KeptState lastOf(KeptState) { return KeptState::kEnded; }
constexpr GuardKind lastOf(GuardKind) { return GuardKind::kEgress; }
static_assert(static_cast<std::size_t>(lastOf(Wall{})) + 1 == kWallCount);

// ---- the Plan

template <typename A>
void describe(A& a, typename A::template Of<MakeDirectory>& value) {
  auto& [target, mode, ownedByRun] = value;
  a("target", target)("mode", mode)("ownedByRun", ownedByRun);
}
template <typename A>
void describe(A& a, typename A::template Of<MakeFile>& value) {
  auto& [target, content, mode, ownedByRun] = value;
  a("target", target)("content", RawText{content})("mode", mode)("ownedByRun", ownedByRun);
}
template <typename A>
void describe(A& a, typename A::template Of<MakeSymlink>& value) {
  auto& [target, content] = value;
  a("target", target)("content", content);
}
template <typename A>
void describe(A& a, typename A::template Of<MountTmpfs>& value) {
  auto& [target, size, inodes, mode, ownedByRun, noExec] = value;
  a("target", target)("size", size)("inodes", inodes)("mode", mode)("ownedByRun", ownedByRun)("noExec", noExec);
}
template <typename A>
void describe(A& a, typename A::template Of<MountProc>& value) {
  auto& [target] = value;
  a("target", target);
}
template <typename A>
void describe(A& a, typename A::template Of<MountDevpts>& value) {
  auto& [target] = value;
  a("target", target);
}
template <typename A>
void describe(A& a, typename A::template Of<BindDevice>& value) {
  auto& [target, source] = value;
  a("target", target)("source", source);
}
template <typename A>
void describe(A& a, typename A::template Of<BindPath>& value) {
  auto& [source, target, access, idmapped, optional, noExec] = value;
  a("source", source)("target", target)("access", access)("idmapped", idmapped)("optional", optional)("noExec", noExec);
}
template <typename A>
void describe(A& a, typename A::template Of<BindDescriptor>& value) {
  auto& [index, target, access, idmapped] = value;
  a("index", index)("target", target)("access", access)("idmapped", idmapped);
}
template <typename A>
void describe(A& a, typename A::template Of<MaskPath>& value) {
  auto& [target, glob, kind, maxMatches, origin] = value;
  a("target", target)("glob", glob)("kind", kind)("maxMatches", maxMatches)("origin", origin);
}
template <typename A>
void describe(A& a, typename A::template Of<Identity>& value) {
  auto& [uid, gid, groups, callerUid, callerGid, callerGroups, accountUid] = value;
  a("uid", uid)("gid", gid)("groups", groups);
  a("callerUid", callerUid)("callerGid", callerGid)("callerGroups", callerGroups)("accountUid", accountUid);
}
template <typename A>
void describe(A& a, typename A::template Of<LandlockRule>& value) {
  auto& [path, access] = value;
  a("path", path)("access", access);
}
template <typename A>
void describe(A& a, typename A::template Of<Landlock>& value) {
  auto& [enabled, abi, handledFs, handledNet, scoped, outer, inner] = value;
  a("enabled", enabled)("abi", abi)("handledFs", handledFs)("handledNet", handledNet)("scoped", scoped);
  a("outer", outer)("inner", inner);
}
template <typename A>
void describe(A& a, typename A::template Of<ArgCheck>& value) {
  auto& [index, op, operand, mask] = value;
  a("index", index)("op", op)("value", operand)("mask", mask);
}
template <typename A>
void describe(A& a, typename A::template Of<SeccompRule>& value) {
  auto& [call, action, errnoValue, checks] = value;
  a("call", call)("action", action)("errno", errnoValue)("checks", checks);
}
template <typename A>
void describe(A& a, typename A::template Of<SeccompTable>& value) {
  auto& [fallback, fallbackErrno, rules] = value;
  a("fallback", fallback)("fallbackErrno", fallbackErrno)("rules", rules);
}
template <typename A>
void describe(A& a, typename A::template Of<ResourceLimits>& value) {
  auto& [cpu, memory, pids, ioWrite] = value;
  a("cpu", cpu)("memory", memory)("pids", pids)("ioWrite", ioWrite);
}
template <typename A>
void describe(A& a, typename A::template Of<RlimitSetting>& value) {
  auto& [resource, soft, hard] = value;
  a("resource", resource)("soft", soft)("hard", hard);
}
template <typename A>
void describe(A& a, typename A::template Of<Weakening>& value) {
  auto& [wall, reason] = value;
  a("wall", wall)("reason", reason);
}
template <typename A>
void describe(A& a, typename A::template Of<EnforcedKey>& value) {
  auto& [key, mechanism, origin] = value;
  a("key", key)("mechanism", mechanism)("origin", origin);
}
template <typename A>
void describe(A& a, typename A::template Of<policy::Walls>& value) {
  auto& [mount, pid, net, ipc, uts, cgroup, seccomp, landlock, privileges, limits] = value;
  a("mount", mount)("pid", pid)("net", net)("ipc", ipc)("uts", uts)("cgroup", cgroup);
  a("seccomp", seccomp)("landlock", landlock)("privileges", privileges)("limits", limits);
}
template <typename A>
void describe(A& a, typename A::template Of<Guards>& value) {
  auto& [warden, egress, egressUid] = value;
  a("warden", warden)("egress", egress)("egressUid", egressUid);
}
template <typename A>
void describe(A& a, typename A::template Of<Plan>& value) {
  auto& [run, policyName, policyHash, priority, hostname, walls, mounts, identity, landlock, seccomp, guards,
         hasDenials, limits, rlimits, command, executable, environment, workingDirectory, stdio, terminalRows,
         terminalColumns, weakened, enforced] = value;
  a("run", run)("policyName", policyName)("policyHash", policyHash)("priority", priority)("hostname", hostname);
  a("walls", walls)("mounts", mounts)("identity", identity)("landlock", landlock)("seccomp", seccomp);
  a("guards", guards)("hasDenials", hasDenials)("limits", limits)("rlimits", rlimits)("command", command)(
      "executable", executable)("environment", environment);
  a("workingDirectory", workingDirectory)("stdio", stdio)("terminalRows", terminalRows);
  a("terminalColumns", terminalColumns)("weakened", weakened)("enforced", enforced);
}

// ---- requests

template <typename A>
void describe(A& a, typename A::template Of<WireHello>& value) {
  auto& [version] = value;
  a("version", version);
}
template <typename A>
void describe(A& a, typename A::template Of<Prepare>& value) {
  auto& [run, priority] = value;
  a("run", run)("priority", priority);
}
template <typename A>
void describe(A& a, typename A::template Of<Launch>& value) {
  auto& [plan] = value;
  a("plan", plan);
}
template <typename A>
void describe(A& a, typename A::template Of<Release>& value) {
  auto& [run] = value;
  a("run", run);
}
template <typename A>
void describe(A& a, typename A::template Of<Abandon>& value) {
  auto& [run] = value;
  a("run", run);
}
template <typename A>
void describe(A& a, typename A::template Of<SignalRun>& value) {
  auto& [run, signal] = value;
  a("run", run)("signal", signal);
}
template <typename A>
void describe(A& a, typename A::template Of<SetDraining>& value) {
  auto& [run, draining] = value;
  a("run", run)("draining", draining);
}
template <typename A>
void describe(A& a, typename A::template Of<Forget>& value) {
  auto& [run] = value;
  a("run", run);
}
template <typename A>
void describe(A&, typename A::template Of<Adopt>&) {}
template <typename A>
void describe(A& a, typename A::template Of<Foretell>& value) {
  auto& [run] = value;
  a("run", run);
}

// ---- events

template <typename A>
void describe(A& a, typename A::template Of<WallReading>& value) {
  auto& [wall, wanted, got, probed, up] = value;
  a("wall", wall)("wanted", wanted)("got", got)("probed", probed)("up", up);
}
template <typename A>
void describe(A& a, typename A::template Of<Note>& value) {
  auto& [text] = value;
  a("text", text);
}
template <typename A>
void describe(A& a, typename A::template Of<Built>& value) {
  auto& [run, posture, notes, held, initPid] = value;
  a("run", run)("posture", posture)("notes", notes)("held", held)("initPid", initPid);
}
template <typename A>
void describe(A& a, typename A::template Of<Started>& value) {
  auto& [run, pid] = value;
  a("run", run)("pid", pid);
}
template <typename A>
void describe(A& a, typename A::template Of<LaunchFailed>& value) {
  auto& [run, token, message, sysErrno, exitCode] = value;
  a("run", run)("token", token)("message", message)("sysErrno", sysErrno)("exitCode", exitCode);
}
template <typename A>
void describe(A& a, typename A::template Of<CommandStopped>& value) {
  auto& [run, signal] = value;
  a("run", run)("signal", signal);
}
template <typename A>
void describe(A& a, typename A::template Of<CommandContinued>& value) {
  auto& [run] = value;
  a("run", run);
}
template <typename A>
void describe(A& a, typename A::template Of<ExitStatus>& value) {
  auto& [code, signal] = value;
  a("code", code)("signal", signal);
}
template <typename A>
void describe(A& a, typename A::template Of<LastReading>& value) {
  auto& [cpuUsec, memoryPeakBytes, ioReadBytes, ioWriteBytes, outputBytes] = value;
  a("cpuUsec", cpuUsec)("memoryPeakBytes", memoryPeakBytes);
  a("ioReadBytes", ioReadBytes)("ioWriteBytes", ioWriteBytes)("outputBytes", outputBytes);
}
template <typename A>
void describe(A& a, typename A::template Of<Ended>& value) {
  auto& [run, exit, outOfMemory, usage, note] = value;
  a("run", run)("exit", exit)("outOfMemory", outOfMemory)("usage", usage)("note", note);
}
template <typename A>
void describe(A& a, typename A::template Of<Removed>& value) {
  auto& [run] = value;
  a("run", run);
}
template <typename A>
void describe(A& a, typename A::template Of<KeptRun>& value) {
  auto& [run, state, priority, initPid, pid, exit, outOfMemory, held, usage, note, egressUid] = value;
  a("run", run)("state", state)("priority", priority)("initPid", initPid)("pid", pid);
  a("exit", exit)("outOfMemory", outOfMemory)("held", held)("usage", usage)("note", note)("egressUid", egressUid);
}
template <typename A>
void describe(A& a, typename A::template Of<Welcome>& value) {
  auto& [version, pid] = value;
  a("version", version)("pid", pid);
}
template <typename A>
void describe(A& a, typename A::template Of<Prepared>& value) {
  auto& [run] = value;
  a("run", run);
}
template <typename A>
void describe(A& a, typename A::template Of<Kept>& value) {
  auto& [kept] = value;
  a("kept", kept);
}
template <typename A>
void describe(A& a, typename A::template Of<AdoptDone>& value) {
  auto& [count] = value;
  a("count", count);
}
template <typename A>
void describe(A& a, typename A::template Of<GuardStarted>& value) {
  auto& [run, kind, pid] = value;
  a("run", run)("kind", kind)("pid", pid);
}
template <typename A>
void describe(A& a, typename A::template Of<GuardDied>& value) {
  auto& [run, kind, why] = value;
  a("run", run)("kind", kind)("why", why);
}
template <typename A>
void describe(A& a, typename A::template Of<ProcessLink>& value) {
  auto& [pid, name] = value;
  a("pid", pid)("name", name);
}
template <typename A>
void describe(A& a, typename A::template Of<FindOwner>& value) {
  auto& [run, ticket, ends] = value;
  a("run", run)("ticket", ticket)("ends", ends);
}
template <typename A>
void describe(A& a, typename A::template Of<OwnerFound>& value) {
  auto& [run, ticket, chain, note] = value;
  a("run", run)("ticket", ticket)("chain", chain)("note", note);
}

}  // namespace ringfence::sandbox
