// The other thing that ringfence-hook is: what a run with an adapter begins with. Inside the fence, as the agent's user
// and with its rights alone, it makes the agent's settings files ready and becomes the command. So it can reach nothing
// that the agent could not, whatever an earlier run left in the home.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "sdk/hook/settings.h"

namespace ringfence::hook {

// Puts what is wanted into the files below `home`. No link is followed and no mount entered: what is in the way (a
// link, something that is no file, settings that cannot be read) is moved aside under another name in the same
// directory, which `said` tells in words, a line each. Fails where a file is in another file system or bind mount than
// the home: a part of the person's real home that the policy grants, whose settings are not ours to change.
Result<void> makeReady(const Wanted& wanted, const std::string& home, std::string& said);

// By the environment: RINGFENCE_ADAPTER and RINGFENCE_PROGRAM, which the command does not see. Returns only the status
// to end with: 125, 126 or 127, as `ringfence run` has them.
int start(char** words);

}  // namespace ringfence::hook
