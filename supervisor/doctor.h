// What this machine can give, for people and programs. Looking is apart from judging: judging is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/plan/kernel_features.h"
#include "supervisor/api/answer.h"
#include "supervisor/config.h"
#include "supervisor/system_policies.h"

namespace ringfence::supervisor {

// What was found by looking.
struct Findings {
  sandbox::KernelFeatures features;
  std::uint32_t uid = 0;
  std::uint64_t capabilities = 0;  // effective
  std::string groupsTrouble;       // why control groups could not be made; empty: they can
  std::string launcher;            // path that was looked at
  bool launcherFound = false;
  bool logind = false;
  bool viewerGroup = false, adminGroup = false;  // ringfence, ringfence-admin
  std::optional<std::uint64_t> stateBytesFree;   // absent: the directory does not exist or cannot be asked
  std::string stateDir;
  std::size_t policies = 0;  // that load
  std::vector<std::string> policyTroubles;
  std::optional<std::string> logTrouble;  // why the log cannot be written; empty: it can; absent: not asked
};

struct Check {
  std::string name;
  bool ok = false;
  std::string detail;
};

Findings look(const Config& config, sandbox::KernelFeatures features, const SystemPolicies& policies);

// Pure.
std::vector<Check> judge(const Findings& findings);
api::Document describe(const Findings& findings, const std::vector<Check>& checks);

// One line for each file that is not in force as it stands, and each policy of the daemon's own directories that does
// not load. Pure.
std::vector<std::string> policyTroubles(const SystemPolicies& policies);

// Where the launcher is expected: beside the running program.
std::string launcherProgram();

}  // namespace ringfence::supervisor
