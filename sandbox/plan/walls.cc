#include "sandbox/plan/walls.h"

#include <sys/resource.h>

#include <array>
#include <limits>
#include <string>

#include "sandbox/plan/grants.h"

namespace ringfence::sandbox {
namespace {

using policy::WallStrength;

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

WallStrength& strengthIn(policy::Walls& walls, Wall wall) {
  switch (wall) {
    case Wall::kMount: return walls.mount;
    case Wall::kPid: return walls.pid;
    case Wall::kNet: return walls.net;
    case Wall::kIpc: return walls.ipc;
    case Wall::kUts: return walls.uts;
    case Wall::kCgroup: return walls.cgroup;
    case Wall::kSeccomp: return walls.seccomp;
    case Wall::kLandlock: return walls.landlock;
    case Wall::kPrivileges: return walls.privileges;
    case Wall::kLimits: break;
  }
  return walls.limits;
}

// Without these a run cannot be ended, named or kept from the host's files: no policy may do without.
bool carriesTheOthers(Wall wall) { return wall == Wall::kMount || wall == Wall::kPid || wall == Wall::kPrivileges; }

bool has(const KernelFeatures& features, const char* controller) {
  const auto found = features.controllers.find(controller);
  return found != features.controllers.end() && found->second.version != 0;
}

// Limits that the policy sets and no controller of this machine can hold.
std::string missingControllers(const policy::Limits& limits, const KernelFeatures& features) {
  std::string missing;
  const auto need = [&](bool set, const char* controller) {
    if (set && !has(features, controller)) missing += (missing.empty() ? "" : ", ") + std::string(controller);
  };
  need(limits.memory.has_value(), "memory");
  need(limits.pids.has_value(), "pids");
  need(limits.cpu.has_value(), "cpu");
  return missing;
}

// What this kernel lacks for the wall; empty: nothing.
std::string shortfall(Wall wall, const policy::Document& document, bool ownIdentity, const KernelFeatures& features) {
  switch (wall) {
    case Wall::kMount:
      return ownIdentity && !features.idmappedMounts
                 ? "this kernel cannot idmap mounts, which a run with an identity of its own needs"
                 : "";
    case Wall::kSeccomp: return features.seccompFilter ? "" : "this kernel has no seccomp filters";
    case Wall::kLandlock:
      return features.landlockAbi > 0 ? ""
                                      : "this kernel has no Landlock, or it is not in its list of security modules";
    case Wall::kPrivileges: return features.userNamespaces ? "" : "this kernel makes no user namespaces";
    case Wall::kLimits: {
      const std::string missing = missingControllers(document.limits, features);
      return missing.empty() ? "" : "no control group controller of this machine holds: " + missing;
    }
    case Wall::kCgroup:
      return features.cgroupFreeze && features.cgroupKill ? "" : "this kernel cannot freeze or kill a control group";
    case Wall::kPid:
    case Wall::kNet:
    case Wall::kIpc:
    case Wall::kUts: break;
  }
  return "";
}

std::string writtenAt(const policy::Document& document, Wall wall) {
  const auto origin = document.origins.find(std::string("walls.") + wallName(wall));
  if (origin == document.origins.end()) return "";
  const std::string text = originText(origin->second);
  return text.empty() ? "" : " (" + text + ")";
}

ResourceLimits keepLimits(const policy::Document& document, const KernelFeatures& features, WallStrength strength) {
  ResourceLimits limits{document.limits.cpu, document.limits.memory, document.limits.pids, document.limits.ioWrite};
  if (strength == WallStrength::kOff) return {};
  if (!has(features, "cpu")) limits.cpu.reset();
  if (!has(features, "memory")) limits.memory.reset();
  if (!has(features, "pids")) limits.pids.reset();
  if (!has(features, "io")) limits.ioWrite.reset();  // The governor's pauses hold it.
  return limits;
}

}  // namespace

WallStrength strengthOf(const policy::Walls& walls, Wall wall) {
  policy::Walls copy = walls;
  return strengthIn(copy, wall);
}

Result<WallChoice> chooseWalls(const policy::Document& document, bool ownIdentity, const KernelFeatures& features) {
  WallChoice choice{.walls = document.walls, .weakened = {}, .limits = {}};
  for (std::size_t index = 0; index < kWallCount; ++index) {
    const Wall wall = static_cast<Wall>(index);
    const std::string name = wallName(wall);
    WallStrength& strength = strengthIn(choice.walls, wall);
    const std::string written = writtenAt(document, wall);
    if (strength == WallStrength::kOff) {
      if (carriesTheOthers(wall)) {
        return Error{ErrorCode::kInvalid,
                     name + ": walls." + name + written + " cannot be \"off\": the other walls stand on it"};
      }
      choice.weakened.push_back({wall, "switched off by the policy" + written});
      continue;
    }
    const std::string lack = shortfall(wall, document, ownIdentity, features);
    if (strength == WallStrength::kRequired) {
      if (!lack.empty()) return Error{ErrorCode::kUnsupported, name + ": " + lack};
      continue;
    }
    if (lack.empty()) {
      choice.weakened.push_back({wall, "only best effort in the policy" + written});
    } else if (carriesTheOthers(wall)) {
      return Error{ErrorCode::kUnsupported, name + ": " + lack};
    } else {
      choice.weakened.push_back({wall, lack});
      // Some limits may still hold.
      if (wall != Wall::kLimits) strength = WallStrength::kOff;
    }
  }
  if (document.mode == policy::Mode::kAudit) {
    const auto origin = document.origins.find("mode");
    const std::string text = origin == document.origins.end() ? "" : originText(origin->second);
    choice.weakened.push_back({Wall::kSeccomp, "audit: what would be asked is allowed and recorded" +
                                                   (text.empty() ? "" : " (" + text + ")")});
  }
  choice.limits = keepLimits(document, features, choice.walls.limits);
  return choice;
}

std::vector<RlimitSetting> makeRlimits() {
  return {
      {RLIMIT_AS, kUnlimited, kUnlimited},
      // A crash is not handed to the host's core handler, which would parse it as root.
      {RLIMIT_CORE, 0, 0},
      {RLIMIT_CPU, kUnlimited, kUnlimited},
      {RLIMIT_DATA, kUnlimited, kUnlimited},
      {RLIMIT_FSIZE, kUnlimited, kUnlimited},
      {RLIMIT_LOCKS, kUnlimited, kUnlimited},
      {RLIMIT_MEMLOCK, mebibytes(8).count, mebibytes(8).count},
      {RLIMIT_MSGQUEUE, 819'200, 819'200},
      {RLIMIT_NICE, 0, 0},
      {RLIMIT_NOFILE, 1024, 65'536},
      // Counted over all processes of the uid, so also the person's own; pids.max of the run is the limit.
      {RLIMIT_NPROC, kUnlimited, kUnlimited},
      {RLIMIT_RSS, kUnlimited, kUnlimited},
      {RLIMIT_RTPRIO, 0, 0},
      {RLIMIT_RTTIME, kUnlimited, kUnlimited},
      {RLIMIT_SIGPENDING, 16'384, 16'384},
      {RLIMIT_STACK, mebibytes(8).count, kUnlimited},
  };
}

const char* rlimitName(int resource) {
  static constexpr std::array<std::pair<int, const char*>, 16> kNames = {{{RLIMIT_AS, "as"},
                                                                          {RLIMIT_CORE, "core"},
                                                                          {RLIMIT_CPU, "cpu"},
                                                                          {RLIMIT_DATA, "data"},
                                                                          {RLIMIT_FSIZE, "fsize"},
                                                                          {RLIMIT_LOCKS, "locks"},
                                                                          {RLIMIT_MEMLOCK, "memlock"},
                                                                          {RLIMIT_MSGQUEUE, "msgqueue"},
                                                                          {RLIMIT_NICE, "nice"},
                                                                          {RLIMIT_NOFILE, "nofile"},
                                                                          {RLIMIT_NPROC, "nproc"},
                                                                          {RLIMIT_RSS, "rss"},
                                                                          {RLIMIT_RTPRIO, "rtprio"},
                                                                          {RLIMIT_RTTIME, "rttime"},
                                                                          {RLIMIT_SIGPENDING, "sigpending"},
                                                                          {RLIMIT_STACK, "stack"}}};
  for (const auto& [number, name] : kNames) {
    if (number == resource) return name;
  }
  return "unknown";
}

}  // namespace ringfence::sandbox
