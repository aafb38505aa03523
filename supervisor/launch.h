// From a client's request to a Plan: policy, account, workspace, private home, ids. What is looked up is looked up
// here; what follows from it is makePlan's.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/load.h"
#include "sandbox/kernel/folder_memory.h"
#include "sandbox/plan/make_plan.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/account.h"
#include "supervisor/api/answer.h"
#include "supervisor/api/request.h"
#include "supervisor/api/server.h"
#include "supervisor/config.h"
#include "supervisor/core/state.h"
#include "supervisor/given_accelerators.h"
#include "supervisor/system_policies.h"

namespace ringfence::supervisor {

struct Prepared {
  sandbox::Plan plan;
  std::string name;
  std::string workspace;
  std::string home;                          // what "~" stands for in the policy
  std::vector<UniqueFd> fds;                 // workspace, home, then the client's three for Stdio::kDescriptors
  std::vector<std::string> notes;            // warnings of the policy
  std::optional<AcceleratorShare> npu, gpu;  // that the plan gives
};

// What the last launch found and the next one will probably find again. The policy: equal texts give an equal one.
class LaunchMemory {
 public:
  using Outcome = std::variant<policy::Loaded, std::vector<policy::Diagnostic>>;
  const Outcome& load(policy::Sources sources, const std::string& name);
  // The symbolic links in the host's root, by path; read again when a name in it was changed.
  const std::map<std::string, std::string>& rootSymlinks();

 private:
  policy::Sources sources_;
  std::string name_;
  std::optional<Outcome> outcome_;
  std::optional<sandbox::FolderStamp> rootStamp_;
  std::map<std::string, std::string> rootSymlinks_;
};

struct LaunchWorld {
  const Config& config;
  const sandbox::KernelFeatures& features;
  const SystemPolicies& policies;
  LaunchMemory& memory;
  AccountSource accounts;
  const State& state;
  const api::PeerIdentity& caller;
  Microseconds wall;
  NodesOf nodesOf;  // asked where the policy gives them
  // Whether the home of that user and directory is about to be removed.
  std::function<bool(std::uint32_t, const std::string&)> isHomeLeaving;
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

}  // namespace ringfence::supervisor
