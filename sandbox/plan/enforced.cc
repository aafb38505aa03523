#include "sandbox/plan/enforced.h"

#include "sandbox/plan/landlock.h"
#include "sandbox/plan/paths.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

Error notEnforced(const std::string& key, const policy::Origin& origin) {
  const std::string text = originText(origin);
  return Error{ErrorCode::kUnsupported,
               (text.empty() ? "" : text + ": ") + key + " is not enforced by this version of Ringfence"};
}

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
    for (const policy::PathRule& rule : files.forbid) {
      add("files.forbid " + rule.pattern,
          isAbsent(rule) ? "nothing of it is granted: it does not exist inside" : forbidMechanism(rule), rule.origin);
    }
  }

  void addRest() {
    const policy::Document& document = by_.document;
    addIfWritten("network.default", "network namespace with only lo: no route out");
    for (const policy::HostRule& rule : document.network.forbid) {
      add("network.forbid " + (rule.host.empty() ? rule.cidr : rule.host),
          "network namespace with only lo: no route out", rule.origin);
    }
    addIfWritten("identity.as", by_.ownIdentity ? "an id of the run's own; idmapped mounts" : "ids of the caller");
    addIfWritten("identity.groups", "supplementary groups cut to those named");
    addIfWritten("limits.cpu", controllerMechanism(by_.features, "cpu"));
    addIfWritten("limits.memory", controllerMechanism(by_.features, "memory"));
    addIfWritten("limits.pids", controllerMechanism(by_.features, "pids"));
    addIfWritten("priority.class", "branch of the control groups");
    for (const auto& [key, origin] : document.origins) {
      if (key.starts_with("environment.")) add(key, "environment made from named variables", origin);
    }
    addIfWritten("mode", "every wall enforces");
  }

  std::vector<EnforcedKey> take() { return std::move(entries_); }

 private:
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

Result<void> checkEnforceable(const policy::Document& document) {
  if (document.mode == policy::Mode::kAudit) return notEnforced("mode = \"audit\"", originOf(document, "mode"));
  const policy::Files& files = document.files;
  if (!files.ask.empty()) return notEnforced("files.ask", files.ask.front().origin);
  if (!files.askRead.empty()) return notEnforced("files.ask_read", files.askRead.front().origin);
  if (!files.rewrite.empty()) return notEnforced("files.rewrite", files.rewrite.front().origin);
  if (document.network.fallback != policy::Decision::kForbid) {
    return notEnforced("network.default other than \"forbid\"", originOf(document, "network.default"));
  }
  if (!document.network.allow.empty()) return notEnforced("network.allow", document.network.allow.front().origin);
  if (!document.network.ask.empty()) return notEnforced("network.ask", document.network.ask.front().origin);
  const policy::Network& network = document.network;
  if (!network.rewrite.empty()) return notEnforced("network.rewrite", network.rewrite.front().origin);
  if (!network.credentials.empty()) return notEnforced("network.credential", network.credentials.front().origin);
  for (const char* key : {"network.loopback", "network.publish", "network.send_limit", "prompt.timeout",
                          "prompt.per_minute", "audit.read"}) {
    if (document.origins.contains(key)) return notEnforced(key, originOf(document, key));
  }
  if (!document.grants.empty()) return notEnforced("grant", document.grants.front().origin);
  for (const policy::ExecRule& rule : document.exec) {
    if (rule.decide != policy::Decision::kAllow) return notEnforced("exec.rule", rule.origin);
  }
  return {};
}

std::vector<EnforcedKey> listEnforced(const EnforcedBy& by) {
  Lister lister(by);
  lister.addWalls();
  lister.addFiles();
  lister.addRest();
  return lister.take();
}

}  // namespace ringfence::sandbox
