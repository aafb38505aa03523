#include "supervisor/doctor.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <charconv>
#include <thread>

#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "sdk/base/units.h"
#include "supervisor/api/server.h"
#include "supervisor/logind.h"
#include "supervisor/meter/energy.h"

namespace ringfence::supervisor {
namespace {

using sandbox::KernelFeatures;

constexpr std::uint64_t kEnoughForState = 64ULL << 20;

// Numbers of capabilities are the kernel's and never change.
struct NamedCapability {
  int bit;
  const char* name;
};
constexpr NamedCapability kNeededCapabilities[] = {{0, "chown"},       {1, "dac_override"}, {5, "kill"},
                                                   {6, "setgid"},      {7, "setuid"},       {12, "net_admin"},
                                                   {19, "sys_ptrace"}, {21, "sys_admin"}};

// Of sched_ext: a program that was loaded into the kernel.
std::string otherScheduler() {
  const auto state = readFileAt(AT_FDCWD, "/sys/kernel/sched_ext/state", kibibytes(4));
  if (!state || !state->starts_with("enabled")) return "";
  const auto name = readFileAt(AT_FDCWD, "/sys/kernel/sched_ext/root/ops", kibibytes(4));
  return name && !name->empty() ? name->substr(0, name->find('\n')) : "unknown";
}

std::uint64_t effectiveCapabilities() {
  auto status = readFileAt(AT_FDCWD, "/proc/self/status", kibibytes(64));
  if (!status) return 0;
  const auto at = status->find("CapEff:\t");
  if (at == std::string::npos) return 0;
  std::uint64_t mask = 0;
  (void)std::from_chars(status->data() + at + 8, status->data() + status->size(), mask,
                        16);  // A bad number stays 0: not capable.
  return mask;
}

Check capabilityCheck(std::uint64_t mask) {
  std::string missing;
  for (const NamedCapability& capability : kNeededCapabilities) {
    if ((mask >> capability.bit & 1) == 0) missing += std::string(missing.empty() ? "" : ", ") + capability.name;
  }
  if (missing.empty()) return {"capabilities", true, "all that the launcher needs"};
  return {"capabilities", false, "missing: " + missing + "; in a container, run it privileged"};
}

std::string controllersText(const KernelFeatures& features, bool& ok) {
  std::string text = features.layout == sandbox::CgroupLayout::kHybrid ? "hybrid" : "unified";
  ok = !features.unifiedMount.empty();
  for (const char* name : {"memory", "cpu", "pids"}) {
    const auto found = features.controllers.find(name);
    const bool there = found != features.controllers.end() && found->second.version != 0;
    ok = ok && there;
    text += std::string(", ") + name + (there ? " v" + std::to_string(found->second.version) : " nowhere");
  }
  return text;
}

void wallChecks(const KernelFeatures& features, std::vector<Check>& checks) {
  checks.push_back({"idmapped mounts", features.idmappedMounts,
                    features.idmappedMounts ? "runs with an id of their own see the workspace as its owner's"
                                            : "a run with as = \"own\", and any run of root, is refused"});
  checks.push_back({"wall seccomp", features.seccompFilter,
                    !features.seccompFilter     ? "the kernel has no seccomp filters; nothing can be started"
                    : features.seccompGetFilter ? "filters are read back and compared"
                                                : "filters work, and cannot be read back"});
  checks.push_back({"wall landlock", features.landlockAbi > 0,
                    features.landlockAbi > 0
                        ? "ABI " + std::to_string(features.landlockAbi)
                        : "off in this kernel: add landlock to lsm= or write landlock = \"best-effort\""});
  checks.push_back({"wall user namespace", features.userNamespaces,
                    features.userNamespaces
                        ? "they can be made"
                        : "user namespaces are off (user.max_user_namespaces or a distribution's switch)"});
  bool controllers = false;
  const std::string text = controllersText(features, controllers);
  checks.push_back({"wall limits", controllers, text});
  checks.push_back({"freeze and kill", features.cgroupFreeze && features.cgroupKill,
                    features.cgroupFreeze && features.cgroupKill
                        ? "by the groups at " + features.unifiedMount
                        : "cgroup.freeze or cgroup.kill is missing: Linux 5.14 and a v2 mount are needed"});
  checks.push_back({"pidfd", features.pidfd,
                    features.pidfd ? "processes are held by descriptor, never by a number that is reused"
                                   : "the kernel cannot hand out process descriptors: Linux 5.4 is needed"});
  // Not a failure: nothing gets out without it that would not get out with it.
  checks.push_back({"network", true,
                    features.netRedirect
                        ? "every connection of a run is led to its egress"
                        : "packet rules cannot be loaded (modules nf_tables, nft_chain_nat, nft_redir, "
                          "nft_reject_ipv4): only programs that use a proxy get out"});
}

Check policyCheck(const Findings& findings) {
  std::string text = findings.policies == 0 ? "none loads" : std::to_string(findings.policies) + " load";
  for (const std::string& trouble : findings.policyTroubles) text += "; " + trouble;
  return {"policies", findings.policyTroubles.empty() && findings.policies > 0, text};
}

// Absent is not wrong: what is not there is not asked, and that is what these lines say.
void accountChecks(const Findings& findings, std::vector<Check>& checks) {
  const auto group = [&](const char* name, bool there, const std::string& may) {
    checks.push_back({std::string("group ") + name, true,
                      there ? "its members may " + may : "absent: only root and the owner of a run may " + may});
  };
  group("ringfence", findings.viewerGroup, "see runs");
  group("ringfence-admin", findings.adminGroup, "control runs");
  const bool off = findings.logins == LoginCheck::kOff;
  checks.push_back({"logind", true,
                    off               ? "sessions are not checked: check_logins = false"
                    : findings.logind ? "allow, rewrite, resume and rearm only from a login session of the one who asks"
                                      : "sessions are not checked: logind does not run"});
}

// Of those that use a device without our seeing it, the sums of runs would be too small, so it is said.
Check acceleratorCheck(const AcceleratorFindings& found, std::uint64_t capabilities) {
  constexpr int kSysPtrace = 19;
  if (!found.present) return {"accelerators", true, "none: neither /dev/dri nor /dev/accel exists"};
  if (found.stuckFor) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*found.stuckFor).count();
    return {
        "accelerators", false,
        "no answer for " + std::to_string(seconds) + " s: a driver hangs, and nothing new is read until it answers"};
  }
  const AccelAccounts::Blind& blind = found.blind;
  std::string text;
  const auto add = [&](std::uint64_t count, const std::string& what) {
    if (count > 0) text += (text.empty() ? "" : "; ") + std::to_string(count) + " " + what;
  };
  add(blind.refusedProcesses, std::string("processes of runs are not shown to ringfenced") +
                                  ((capabilities >> kSysPtrace & 1) == 0 ? ": it lacks CAP_SYS_PTRACE" : ""));
  add(blind.refusedSources, "sources of the kernel may not be read");
  add(blind.unlistedRuns, "runs have more processes than are looked at");
  if (!text.empty()) return {"accelerators", false, text + "; what they use of GPU and NPU is unknown"};
  add(blind.silentDescriptors, "open devices whose driver tells nothing of who uses them");
  if (!text.empty()) return {"accelerators", true, text + "; their use is unknown"};
  return {"accelerators", true,
          "read once a second while runs are live; " + std::to_string(found.devices.size()) +
              " seen that count what they are busy"};
}

void acceleratorFields(JsonWriter& json, const AcceleratorFindings& found) {
  json.key("accelerators").beginArray();
  for (const AccelDeviceUse& use : found.devices) {
    json.beginObject()
        .untrustedField("device", use.device)
        .field("kind", accelKindName(use.kind))
        .field("busy_usec", use.busyUsec)
        .field("runs_usec", use.runsUsec)
        .field("unattributed_usec", use.unattributedUsec)
        .field("confidence", confidenceName(use.confidence))
        .endObject();
  }
  json.endArray();
}

// What was asked for and cannot happen is wrong; what nobody asked for is not there.
void powerChecks(const Findings& findings, std::vector<Check>& checks) {
  if (const auto& percent = findings.pauseBelowBatteryPercent) {
    checks.push_back({"battery", findings.tellsCharge,
                      findings.tellsCharge
                          ? "background agents are paused while it discharges below " + std::to_string(*percent) + " %"
                          : "pause_below_battery pauses nobody: no battery tells its charge"});
  }
  if (findings.pauseWhenHot) {
    checks.push_back({"heat", findings.tellsHeat,
                      findings.tellsHeat
                          ? "background agents are paused while a thermal zone is above what is too hot for it"
                          : "pause_when_hot pauses nobody: no thermal zone tells its temperature and what is too hot"});
  }
}

void reserveCheck(const Findings& findings, std::vector<Check>& checks) {
  if (findings.reserveProcessors == 0) return;
  const auto place = findings.features.controllers.find("cpuset");
  const bool canKeep = place != findings.features.controllers.end() && place->second.version != 0;
  const bool hasTwo = findings.processors != 1;
  std::string text = "background agents leave " + std::to_string(findings.reserveProcessors) +
                     " of the processors to your programs while these work";
  if (!canKeep)
    text = "reserve_processors keeps none: the kernel gives no cpuset controller";
  else if (!hasTwo)
    text = "reserve_processors keeps none: there is one processor";
  else if (findings.foregroundGroups && *findings.foregroundGroups == 0)
    text += "; no control group tells when that is, so they always do";
  checks.push_back({"reserve", canKeep && hasTwo, std::move(text)});
}

Check placementCheck(const Findings& findings) {
  using Placement = sandbox::CgroupTree::Placement;
  const Placement placement = *findings.placement;
  std::string text = "background agents have processors that nobody else wants (cpu.idle)";
  if (placement == Placement::kLeastWeight)
    text =
        "background agents have the least weight that there is, about a hundredth of a processor that others want: "
        "this kernel has no cpu.idle (Linux 5.15)";
  if (placement == Placement::kIdleThreads)
    text =
        "background agents are in the scheduler's idle class, thread by thread, as the kernel gives no cpu controller: "
        "many "
        "threads together still take a share of the processors from your programs";
  if (placement == Placement::kUnprotected)
    text =
        "unprotected: background agents have as much of the processors as your programs, as the cpu controller has "
        "neither cpu.idle nor a weight that was taken";
  if (findings.reschedules)
    text += "; while your programs work beside busy agents, the kernel is made to choose anew after each of its ticks";
  if (!findings.otherScheduler.empty() && placement != Placement::kUnprotected)
    text +=
        "; but the scheduler \"" + findings.otherScheduler + "\" is loaded (sched_ext), and what these mean is its own";
  return {"placement", placement != Placement::kUnprotected, text};
}

Check foregroundCheck(std::size_t groups) {
  if (groups == 0) {
    return {"foreground", true,
            "no control group beside the agents' holds the person's programs: how long they wait for the disk is not "
            "known, so no agent's writing is held back for them"};
  }
  return {"foreground", true,
          std::to_string(groups) + " control groups beside the agents' tell how long their programs wait"};
}

// Latched is no fault of the machine: it is told, and does not fail.
Check stopCheck(const Findings& findings) {
  if (!findings.stopProgramFound)
    return {"emergency stop", false, findings.stopProgram + " is not there or not executable"};
  if (!findings.stop || !findings.stop->presence.expected) return {"emergency stop", true, findings.stopProgram};
  const Emergency::Presence& presence = findings.stop->presence;
  const std::string latched = findings.stop->latched.empty() ? "" : "; " + findings.stop->latched;
  if (presence.awayFor) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*presence.awayFor).count();
    return {"emergency stop", false,
            "ringfence-stop is away for " + std::to_string(seconds) +
                " s, so nobody can stop everything: " + presence.why + latched};
  }
  if (!presence.there) return {"emergency stop", true, "ringfence-stop is being started" + latched};
  return {"emergency stop", true,
          std::string("ready") +
              (presence.realtime.value_or(true) ? "" : "; without a real-time priority, so later on a busy machine") +
              latched};
}

void machineChecks(const Findings& findings, std::vector<Check>& checks) {
  checks.push_back({"control groups", findings.groupsTrouble.empty(),
                    findings.groupsTrouble.empty() ? "can be made" : findings.groupsTrouble});
  checks.push_back(
      {"launcher", findings.launcherFound,
       findings.launcherFound ? findings.launcher : findings.launcher + " is not there or not executable"});
  checks.push_back(stopCheck(findings));
  checks.push_back(stopKeysCheck(findings.stop, findings.stopKeys));
  const std::string space = findings.stateBytesFree
                                ? formatBytes({*findings.stateBytesFree}) + " free in " + findings.stateDir
                                : findings.stateDir + " does not exist yet";
  checks.push_back({"state", !findings.stateBytesFree || *findings.stateBytesFree >= kEnoughForState, space});
  if (findings.logTrouble) {
    checks.push_back({"log", findings.logTrouble->empty(),
                      findings.logTrouble->empty() ? "can be written" : *findings.logTrouble + "; nothing is started"});
  }
  if (findings.accelerators) checks.push_back(acceleratorCheck(*findings.accelerators, findings.capabilities));
  if (findings.placement) checks.push_back(placementCheck(findings));
  if (findings.foregroundGroups) checks.push_back(foregroundCheck(*findings.foregroundGroups));
  reserveCheck(findings, checks);
  powerChecks(findings, checks);
  checks.push_back(policyCheck(findings));
  accountChecks(findings, checks);
}

}  // namespace

namespace {

std::string besideUs(const char* program) {
  std::string self(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  self.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  // A program that was replaced while it runs shows as deleted; the new launcher is where the old one was.
  return self.substr(0, self.rfind('/') + 1) + program;
}

}  // namespace

std::string launcherProgram() { return besideUs("ringfence-launcher"); }
std::string stopProgram() { return besideUs("ringfence-stop"); }

Findings look(const Config& config, KernelFeatures features, const SystemPolicies& policies) {
  Findings findings;
  findings.features = std::move(features);
  findings.uid = ::geteuid();
  findings.capabilities = effectiveCapabilities();
  if (::access(findings.features.unifiedMount.c_str(), W_OK) != 0) {
    findings.groupsTrouble = findings.features.unifiedMount + " cannot be written: in a container, mount it writable";
  }
  findings.launcher = launcherProgram();
  findings.launcherFound = ::access(findings.launcher.c_str(), X_OK) == 0;
  findings.stopProgram = stopProgram();
  findings.stopProgramFound = ::access(findings.stopProgram.c_str(), X_OK) == 0;
  findings.logind = logindRuns();
  findings.logins = config.logins;
  findings.stopKeys = config.stopKeys;
  const api::RoleGroups groups = api::lookUpRoleGroups();
  findings.viewerGroup = groups.viewer.has_value();
  findings.adminGroup = groups.admin.has_value();
  findings.stateDir = config.stateDir;
  struct statvfs space {};
  if (::statvfs(config.stateDir.c_str(), &space) == 0)
    findings.stateBytesFree = std::uint64_t{space.f_bavail} * space.f_frsize;
  findings.pauseBelowBatteryPercent = config.governor.pauseBelowBatteryPercent;
  findings.pauseWhenHot = config.governor.pauseWhenHot;
  findings.reserveProcessors = config.governor.reserveProcessors;
  findings.processors = std::thread::hardware_concurrency();
  if (const auto roots = MeterRoots::open(config.meterRoot)) {
    const auto battery = readBatteries(*roots);
    findings.tellsCharge = battery && battery->percent;
    findings.tellsHeat = readTooHot(*roots).has_value();
  }
  findings.otherScheduler = otherScheduler();
  findings.policyTroubles = policyTroubles(policies);
  for (const policy::Available& one : policy::available(policies.inForce())) findings.policies += one.broken ? 0 : 1;
  return findings;
}

std::vector<std::string> policyTroubles(const SystemPolicies& policies) {
  std::vector<std::string> troubles;
  for (const BrokenPolicy& one : policies.broken()) {
    if (one.inForce == Instead::kLastGood) troubles.push_back(describe(one));
  }
  for (const policy::Diagnostic& one : policies.unlisted()) troubles.push_back(one.message + "; nothing is started");
  for (const policy::Available& one : policy::available(policies.inForce())) {
    auto loaded = policy::load(policies.inForce(), one.name);
    const auto* diagnostics = std::get_if<std::vector<policy::Diagnostic>>(&loaded);
    if (diagnostics == nullptr || diagnostics->empty()) continue;
    const policy::Diagnostic& first = diagnostics->front();
    troubles.push_back(first.file + ":" + std::to_string(first.line) + ": " + first.message);
  }
  return troubles;
}

std::vector<Check> judge(const Findings& findings) {
  std::vector<Check> checks;
  checks.push_back({"root", findings.uid == 0,
                    findings.uid == 0 ? "ringfenced runs as root"
                                      : "uid " + std::to_string(findings.uid) + "; ringfenced needs to be root"});
  checks.push_back(capabilityCheck(findings.capabilities));
  wallChecks(findings.features, checks);
  machineChecks(findings, checks);
  return checks;
}

api::Document describe(const Findings& findings, const std::vector<Check>& checks) {
  const KernelFeatures& features = findings.features;
  JsonWriter json;
  json.beginObject()
      .field("kernel", features.release)
      .field("architecture", features.architecture)
      .field("landlock_abi", features.landlockAbi);
  json.key("cgroup").beginObject().field("layout",
                                         features.layout == sandbox::CgroupLayout::kHybrid ? "hybrid" : "unified");
  json.key("controllers").beginObject();
  for (const auto& [name, place] : features.controllers) {
    json.key(name).beginObject().field("version", place.version).field("mount", place.mountPoint).endObject();
  }
  json.endObject().endObject();
  json.key("seccomp").beginObject().field("filter", features.seccompFilter).field("notify", features.seccompNotify);
  json.field("wait_killable", features.seccompWaitKillable).field("get_filter", features.seccompGetFilter).endObject();
  if (findings.accelerators) acceleratorFields(json, *findings.accelerators);
  if (findings.stop && !findings.stop->presence.keys.empty()) json.key("stop_keys").raw(findings.stop->presence.keys);
  json.key("checks").beginArray();
  std::string text = "kernel " + features.release + ", Landlock ABI " + std::to_string(features.landlockAbi) + "\n";
  for (const Check& check : checks) {
    json.beginObject().field("name", check.name).field("ok", check.ok).field("detail", check.detail);
    json.field("warning", check.warns).endObject();
    text += std::string(!check.ok     ? "FAIL "
                        : check.warns ? "WARN "
                                      : "ok   ") +
            check.name + (check.detail.empty() ? "" : ": " + escapeForDisplay(check.detail)) + "\n";
  }
  json.endArray().endObject();
  return {std::move(json).take(), std::move(text)};
}

}  // namespace ringfence::supervisor
