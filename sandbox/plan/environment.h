// The environment of a run: nothing but what is named, and never what makes a loader or a shell run something first.
#pragma once

#include <string>
#include <vector>

#include "policy/document.h"
#include "sandbox/plan/make_plan.h"

namespace ringfence::sandbox {

// Sorted "K=V". Fails with kInvalid for a name that cannot be one or that Ringfence sets itself, kDenied for one that
// is never set or would bring in the value of a credential; the message names it. With an egress: the proxy variables
// and the base URLs of credentials, which the policy or -e may set otherwise.
Result<std::vector<std::string>> makeEnvironment(const policy::Document& document, const LaunchRequest& request,
                                                 const std::string& shell, const Guards& guards);

// Names that decide what a program loads or runs before its own first line, or that point at services outside.
bool isNeverPassed(const std::string& name);

}  // namespace ringfence::sandbox
