// Who a run is, inside and at its borders.
#pragma once

#include <string>
#include <vector>

#include "policy/document.h"
#include "sandbox/plan/make_plan.h"

namespace ringfence::sandbox {

// An id of the run's own instead of the caller's; always for a root caller.
bool usesOwnIdentity(const policy::Document& document, const LaunchRequest& request);

// Fails with kInvalid when the result would be uid 0 or the caller's account cannot be written into a passwd file.
Result<Identity> makeIdentity(const policy::Document& document, const LaunchRequest& request);

// The files made in /etc: passwd, group, hosts, hostname, resolv.conf, nsswitch.conf. Names are asked of an egress.
std::vector<MakeFile> identityFiles(const Identity& identity, const LaunchRequest& request, const std::string& shell,
                                    const std::string& hostname, const Guards& guards);

// The run's name where it can be a host name, else "ringfence".
std::string makeHostname(const LaunchRequest& request);

}  // namespace ringfence::sandbox
