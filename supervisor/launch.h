// From a client's request to a Plan: policy, account, workspace, private home, ids. What is looked up is looked up
// here; what follows from it is makePlan's.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/load.h"
#include "sandbox/plan/make_plan.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/account.h"
#include "supervisor/api/answer.h"
#include "supervisor/api/request.h"
#include "supervisor/api/server.h"
#include "supervisor/config.h"
#include "supervisor/core/state.h"
#include "supervisor/system_policies.h"

namespace ringfence::supervisor {

struct Prepared {
  sandbox::Plan plan;
  std::string name;
  std::string workspace;
  std::string home;                // what "~" stands for in the policy
  std::vector<UniqueFd> fds;       // workspace, home, then the client's three for Stdio::kDescriptors
  std::vector<std::string> notes;  // warnings of the policy
};

// The policy that was loaded last: runs of one policy follow each other, and equal texts give an equal policy.
class PolicyMemory {
 public:
  using Outcome = std::variant<policy::Loaded, std::vector<policy::Diagnostic>>;
  const Outcome& load(policy::Sources sources, const std::string& name);

 private:
  policy::Sources sources_;
  std::string name_;
  std::optional<Outcome> outcome_;
};

struct LaunchWorld {
  const Config& config;
  const sandbox::KernelFeatures& features;
  const SystemPolicies& policies;
  PolicyMemory& memory;
  AccountSource accounts;
  const State& state;
  const api::PeerIdentity& caller;
};

// A policy that was found for a request, before anything else is prepared.
struct ChosenPolicy {
  policy::Document document;
  std::vector<std::string> notes;
};
std::variant<ChosenPolicy, api::Refusal> choosePolicy(const api::RunRequest& request, const LaunchWorld& world);

// Checks the descriptors, looks up the account, makes the private home, and plans. Refusals name a token: "policy",
// "workspace", "account", "home", "uid", or the wall or part that the plan failed on.
std::variant<Prepared, api::Refusal> prepareLaunch(const api::RunRequest& request, std::vector<UniqueFd> fds,
                                                   const ChosenPolicy& chosen, const RunId& run,
                                                   const LaunchWorld& world);

// --dry-run: the plan for people, and {"policy","plan_hash","weakened","enforced"} for programs.
api::Document describePlan(const Prepared& prepared);

// Name of the directory that keeps the private home for a policy: one path component, whatever the name holds. Pure.
std::string homeDirectoryName(const std::string& policyName);

}  // namespace ringfence::supervisor
