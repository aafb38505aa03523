// Which guards a policy needs, and whether this kernel and the policy's own walls can carry them.
#pragma once

#include "policy/document.h"
#include "sandbox/plan/kernel_features.h"
#include "sandbox/plan/make_plan.h"
#include "sandbox/plan/plan.h"
#include "sandbox/plan/walls.h"

namespace ringfence::sandbox {

// A warden where anything may be asked or rewritten, for rules about commands and for an audit; an egress where any
// connection can leave the run's own network.
Guards guardsOf(const policy::Document& document);

// Whether there is somebody who tells the agent in a file what it was denied: a guard, or the governor where a limit is
// one that it holds the run at.
bool isTold(const policy::Document& document, const Guards& guards);

// Fails with kInvalid where the policy asks for a guard and switches off a wall that it stands on, or says what cannot
// be, naming the key and where it is written; with kUnsupported where this kernel has no such wall.
Result<void> checkGuards(const policy::Document& document, const Guards& guards, const WallChoice& choice,
                         const KernelFeatures& features);

// The policy as the guards of a run judge by it: with what its command line and the tree of its command grant, which is
// mounted, too. A path with a character of patterns in it is left out: it would mean more than itself.
policy::Document withGranted(policy::Document document, const std::vector<ExtraPath>& extraPaths,
                             const std::string& installTree);

// The command of a launch as the rules about commands have it. Who typed it answers what they ask; what they rewrite is
// rewritten. Fails with kDenied for what they forbid, with the rule and where it is written.
struct LaunchedCommand {
  std::string executable;
  std::vector<std::string> argv;
};
Result<LaunchedCommand> judgeCommand(const policy::Document& document, const LaunchRequest& request);

}  // namespace ringfence::sandbox
