// Policy + request + kernel -> Plan. Pure: opens nothing, looks nothing up; everything known about the caller's world
// is in the request.
//
//   Plan plan = RF_TRY(makePlan(document, request, features));
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "policy/document.h"
#include "sandbox/plan/accelerators.h"
#include "sandbox/plan/kernel_features.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

struct CallerAccount {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string name;  // for the made passwd
  std::string home;  // absolute
  std::string shell = "/bin/sh";
  std::vector<std::uint32_t> groups;              // supplementary groups that the caller has
  std::map<std::string, std::uint32_t> groupIds;  // names of those groups
  bool operator==(const CallerAccount&) const = default;
};

// Of --read, --write.
struct ExtraPath {
  std::string path;
  Access access = Access::kReadOnly;
  bool operator==(const ExtraPath&) const = default;
};

struct LaunchRequest {
  RunId run;
  std::string name;  // for people; also the host name inside when it is a valid one
  CallerAccount caller;
  std::uint32_t ownUid = 0;      // an unused id, for identity "own" and for a root caller
  std::uint32_t accountUid = 0;  // what the kernel counts for a run as the caller goes to this id
  std::uint32_t egressUid = 0;   // an unused id that is neither of those, for an egress
  std::string workspace;         // absolute path as the client gave it; mounted from descriptor 0
  std::string workingDirectory;  // absolute; within the workspace or a granted path
  std::vector<std::string> command;
  std::string executable;   // absolute, found by the client on the caller's PATH
  std::string installTree;  // tree the executable needs, or empty: bound read-only
  std::map<std::string, std::string> callerEnvironment;
  std::map<std::string, std::string> extraEnvironment;  // -e
  std::vector<ExtraPath> extraPaths;
  // Symbolic links in the host's root directory ("/bin" -> "usr/bin"): made anew inside where their target is granted.
  std::map<std::string, std::string> rootSymlinks;
  Accelerators npus, gpus;  // of the machine; a run has them where the policy gives it a share
  // Never reachable from inside, whatever a policy says: the state, run and policy directories of the daemon.
  std::vector<std::string> protectedPaths;
  Stdio stdio = Stdio::kDescriptors;
  std::uint16_t terminalRows = 24;
  std::uint16_t terminalColumns = 80;
  bool operator==(const LaunchRequest&) const = default;
};

// Fails with kInvalid (the request or policy makes no sense: message names the path or key and its file:line), kDenied
// (a grant that no policy may give: /, /proc, the state directory), kUnsupported (a required wall that this kernel
// cannot give: message begins with the wall's name).
Result<Plan> makePlan(const policy::Document& document, const LaunchRequest& request, const KernelFeatures& features);

// The Plan as text for people and goldens: stable order, one fact a line.
std::string explain(const Plan& plan);

}  // namespace ringfence::sandbox
