#include "sandbox/plan/enforced.h"

#include "sandbox/plan/landlock.h"
#include "sandbox/plan/paths.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

constexpr char kAcceleratorMechanism[] =
    "nodes in /dev, lease for the life of the run; ringfenced pauses it above its share";
constexpr char kBudgetMechanism[] =
    "ringfenced adds up what the agent reports, or its egress sees where that is more, and pauses or ends the run";
constexpr char kCostMechanism[] =
    "ringfenced adds up what the agent reports, else list prices, and pauses or ends the run; unknown prices count "
    "nothing";

const policy::Origin& originOf(const policy::Document& document, const std::string& key) {
  static const policy::Origin kNowhere;
  const auto found = document.origins.find(key);
  return found == document.origins.end() ? kNowhere : found->second;
}

std::string wallMechanism(Wall wall, const KernelFeatures& features) {
  switch (wall) {
    case Wall::kMount: return "mount namespace with a root of its own: only what is granted exists";
    case Wall::kPid:
      return features.memfdNoexec ? "pid namespace with its own /proc, vm.memfd_noexec=1"
                                  : "pid namespace with its own /proc";
    case Wall::kNet: return "network namespace with only lo";
    case Wall::kIpc: return "ipc namespace";
    case Wall::kUts: return "uts namespace";
    case Wall::kCgroup: return "cgroup namespace; freeze and kill by control group";
    case Wall::kSeccomp: return "seccomp filter, default deny";
    case Wall::kLandlock: {
      const std::string missing = landlockShortfall(features.landlockAbi);
      return "Landlock ABI " + std::to_string(features.landlockAbi) + ", two layers" +
             (missing.empty() ? "" : "; " + missing);
    }
    case Wall::kPrivileges: return "user namespace, no capabilities, no_new_privs, never uid 0";
    case Wall::kLimits: return "control group limits and rlimits";
  }
  return "";
}

std::string controllerMechanism(const KernelFeatures& features, const std::string& controller) {
  const auto found = features.controllers.find(controller);
  const bool present = found != features.controllers.end() && found->second.version != 0;
  return present ? controller + " controller, version " + std::to_string(found->second.version)
                 : "not held: no " + controller + " controller";
}

std::string writesMechanism(const KernelFeatures& features) {
  const std::string pauses = "ringfenced pauses the run when its processes write more than that to files, on average";
  const auto io = features.controllers.find("io");
  const int version = io == features.controllers.end() ? 0 : io->second.version;
  if (version == 2) return "io controller, version 2: each disk; and " + pauses;
  if (version == 1) {
    return "io controller, version 1: each disk, only what is written past the page cache or synced; for the rest " +
           pauses;
  }
  return pauses + " (no io controller)";
}

class Lister {
 public:
  explicit Lister(const EnforcedBy& by) : by_(by) {}

  void add(std::string key, std::string mechanism, const policy::Origin& origin) {
    entries_.push_back({std::move(key), std::move(mechanism), originText(origin)});
  }
  // A plain key: only when some file wrote it.
  void addIfWritten(const std::string& key, const std::string& mechanism) {
    const policy::Origin& origin = originOf(by_.document, key);
    if (!origin.file.empty()) add(key, mechanism, origin);
  }

  void addWalls() {
    for (std::size_t index = 0; index < kWallCount; ++index) {
      const Wall wall = static_cast<Wall>(index);
      const bool off = strengthOf(by_.choice.walls, wall) == policy::WallStrength::kOff;
      add(std::string("walls.") + wallName(wall), off ? "none: this wall is off" : wallMechanism(wall, by_.features),
          originOf(by_.document, std::string("walls.") + wallName(wall)));
    }
  }

  void addFiles() {
    const policy::Files& files = by_.document.files;
    const bool writable = files.workspace == policy::WorkspaceAccess::kReadWrite;
    addIfWritten("files.workspace",
                 std::string(writable ? "writable" : "read-only") + " bind from the client's descriptor");
    for (const policy::PathRule& rule : files.read) addRule("files.read", rule, "read-only bind");
    for (const policy::PathRule& rule : files.write) addRule("files.write", rule, "writable bind");
    addAsked("files.ask", files.ask);
    addAsked("files.ask_read", files.askRead);
    for (const policy::PathRewrite& rule : files.rewrite) {
      add("files.rewrite " + rule.pattern,
          rule.content ? "every opening is heard of by the warden; a reader gets the prepared content"
                       : "changes are heard of by the warden and go to " + rule.to,
          rule.origin);
    }
    for (const policy::PathRule& rule : files.forbid) {
      add("files.forbid " + rule.pattern,
          isAbsent(rule) ? "nothing of it is granted: it does not exist inside" : forbidMechanism(rule), rule.origin);
    }
  }

  void addRest() {
    const policy::Document& document = by_.document;
    addNetwork();
    addCommands();
    addIfWritten("identity.as", by_.ownIdentity ? "an id of the run's own; idmapped mounts" : "ids of the caller");
    addIfWritten("identity.groups", "supplementary groups cut to those named");
    addIfWritten("limits.cpu", controllerMechanism(by_.features, "cpu"));
    addIfWritten("limits.memory", controllerMechanism(by_.features, "memory"));
    addIfWritten("limits.pids", controllerMechanism(by_.features, "pids"));
    addIfWritten("limits.npu", by_.hasNpu ? kAcceleratorMechanism : "this machine has no NPU: nothing is given");
    addIfWritten("limits.gpu", by_.hasGpu ? kAcceleratorMechanism : "this machine has no GPU: nothing is given");
    addIfWritten("limits.io_write", writesMechanism(by_.features));
    addIfWritten("limits.wall_time", "ringfenced pauses or ends the run");
    addIfWritten("limits.wall_time_per_day", "ringfenced pauses or ends the runs");
    addIfWritten("limits.tokens", kBudgetMechanism);
    addIfWritten("limits.tokens_per_day", kBudgetMechanism);
    addIfWritten("limits.cost", kCostMechanism);
    addIfWritten("limits.cost_per_day", kCostMechanism);
    addIfWritten("limits.prompts", "ringfenced counts the questions of the run and denies those beyond");
    addIfWritten("limits.prompts_per_day", "ringfenced counts the questions of the runs and denies those beyond");
    addIfWritten("limits.warn_at", "ringfenced tells people and the agent");
    addIfWritten("limits.on_limit", document.limits.onLimit == policy::OnLimit::kDeny
                                        ? "ringfenced denies questions beyond the budget, else pauses the run"
                                        : "ringfenced pauses or ends the run");
    addIfWritten("limits.on_alarm", document.limits.onAlarm == policy::OnAlarm::kPause
                                        ? "ringfenced pauses the run when it sees one"
                                        : "ringfenced records what it sees");
    addIfWritten("priority.class", "branch of the control groups");
    addIfWritten("priority.preempt_grace",
                 "holds of the governor and freezes of people are put off while the agent says so, memory excepted");
    for (const auto& [key, origin] : document.origins) {
      if (key.starts_with("environment.")) add(key, "environment made from named variables", origin);
    }
    addIfWritten("mode", document.mode == policy::Mode::kAudit
                             ? "the warden allows and records what would be asked; every wall and `forbid` enforce"
                             : "every wall enforces");
    addIfWritten("prompt.timeout",
                 anythingAsked() ? "the daemon denies a question after that time" : "nothing is ever asked");
    addIfWritten("prompt.per_minute",
                 anythingAsked() ? "the daemon batches questions above that" : "nothing is ever asked");
  }

  void addNetwork() {
    const policy::Network& network = by_.document.network;
    const std::string judged = by_.guards.egress ? "the egress judges each connection; network namespace with only lo"
                                                 : "network namespace with only lo: no route out";
    addIfWritten("network.default", judged);
    addHosts("network.allow", network.allow, judged);
    addHosts("network.ask", network.ask, judged);
    addHosts("network.forbid", network.forbid, judged);
    for (const policy::HostRewrite& rule : network.rewrite)
      add("network.rewrite " + rule.host, "the egress connects to " + rule.to + " instead", rule.origin);
    for (const std::uint16_t port : network.loopback)
      addPort("network.loopback", port, "the egress leads it to 127.0.0.1 of the host");
    for (const std::uint16_t port : network.publish)
      addPort("network.publish", port, "the egress listens on 127.0.0.1 of the host");
    for (const policy::Credential& credential : network.credentials) {
      add("network.credential " + credential.host,
          "the egress adds " + credential.header + " to requests for " + credential.baseVariable + "; the value of " +
              credential.fromVariable + " stays outside",
          credential.origin);
    }
    addIfWritten("network.send_limit",
                 by_.guards.egress ? "the egress counts what is sent and ends connections there" : judged);
  }

  void addCommands() {
    for (const policy::ExecRule& rule : by_.document.exec) {
      std::string key = "exec.rule";
      for (const std::string& word : rule.match) key += " " + word;
      add(std::move(key), "the warden hears of each exec; the command of the launch is judged before it", rule.origin);
    }
    const std::string told = "told to an agent that asks before it calls one; no wall knows of tools";
    addIfWritten("tools.default", told);
    for (const policy::ToolRule& rule : by_.document.tools.rules) {
      std::string key = "tools.rule";
      for (const std::string& name : rule.match) key += " " + name;
      add(std::move(key), told, rule.origin);
    }
    for (const policy::Grant& grant : by_.document.grants) {
      if (grant.operation == policy::Operation::kCall) {
        add("grant " + grant.target, "told to an agent that asks before it calls that tool", grant.origin);
        continue;
      }
      const bool egress = grant.operation == policy::Operation::kConnect;
      add("grant " + grant.target,
          std::string(egress ? "the egress" : "the warden") + " does not ask about it; opens nothing that is not asked",
          grant.origin);
    }
    for (const policy::PathRule& rule : by_.document.auditRead) {
      const bool audits = by_.document.mode == policy::Mode::kAudit;
      if (audits)
        addRule("audit.read", rule, "read-only bind");
      else
        add("audit.read " + rule.pattern, "only with mode = \"audit\": not granted", rule.origin);
    }
  }

  std::vector<EnforcedKey> take() { return std::move(entries_); }

 private:
  void addAsked(const std::string& key, const std::vector<policy::PathRule>& rules) {
    const std::string when = key == "files.ask" ? "changes are" : "every opening is";
    for (const policy::PathRule& rule : rules) {
      const std::string place = hasGlob(rule.pattern) ? "" : "writable bind; ";
      add(key + " " + rule.pattern,
          place + when + " heard of by the warden, which asks; the inner Landlock layer gives no change near it" +
              (key == "files.ask" ? "" : " (slow: all openings of files wait for the warden)"),
          rule.origin);
    }
  }
  void addHosts(const std::string& key, const std::vector<policy::HostRule>& rules, const std::string& mechanism) {
    for (const policy::HostRule& rule : rules)
      add(key + " " + (rule.host.empty() ? rule.cidr : rule.host), mechanism, rule.origin);
  }
  void addPort(const std::string& key, std::uint16_t port, const std::string& mechanism) {
    const std::string text = std::to_string(port);
    add(key + " " + text, mechanism, originOf(by_.document, key + "." + text));
  }
  bool anythingAsked() const { return by_.guards.warden || by_.guards.egress; }
  void addRule(const std::string& key, const policy::PathRule& rule, const std::string& mechanism) {
    add(key + " " + rule.pattern,
        mechanism + (by_.choice.walls.landlock == policy::WallStrength::kOff ? "" : " and Landlock rule"), rule.origin);
  }
  bool isAbsent(const policy::PathRule& rule) const {
    for (const policy::PathRule& absent : by_.masks.absent) {
      if (absent == rule) return true;
    }
    return false;
  }
  std::string forbidMechanism(const policy::PathRule& rule) const {
    const std::string kind = maskKindOf(rule) == MaskKind::kReadOnly ? "read-only mask" : "empty mask";
    return hasGlob(rule.pattern) ? kind + " over what exists at launch" : kind;
  }

  const EnforcedBy& by_;
  std::vector<EnforcedKey> entries_;
};

}  // namespace

std::vector<EnforcedKey> listEnforced(const EnforcedBy& by) {
  Lister lister(by);
  lister.addWalls();
  lister.addFiles();
  lister.addRest();
  return lister.take();
}

}  // namespace ringfence::sandbox
