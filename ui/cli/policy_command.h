// `ringfence policy …`: looks at policies without a daemon; only `trust` and `learn` talk to one. No Qt.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace ringfence::cli {

// `args` is what stands behind "policy". Prints, and returns the exit status: 0, 1 failed, 2 usage, 3 the daemon is not
// reachable, 6 a policy is invalid.
int policyCommand(std::span<const std::string> args);

// The same as values, for tests.
struct PolicyWorld {
  std::string home;  // "" when not known: no policies of the user
  std::string workingDirectory;
  std::vector<std::string> policyDirectories;  // shipped, then the system's; --policy-dir replaces them
};
struct PolicyOutcome {
  int status = 0;
  std::string out;
  std::string err;
};
PolicyOutcome runPolicy(std::span<const std::string> args, const PolicyWorld& world);

// Tells the daemon that the caller trusts this file as it is now; a later change ends that. (policy_trust.cc)
PolicyOutcome trustPolicyFile(const std::string& path);

}  // namespace ringfence::cli
