// Whose a run is, for who must know it without the daemon, its log or a policy: ringfence-stop. The kernel keeps it on
// the run's group in the unified hierarchy, as an extended attribute of the name space `security`: to set or remove one
// takes CAP_SYS_ADMIN in the first user namespace, also over a mount of control groups that another one has made for
// itself; to read it takes nothing, so that who reads needs no such right (`trusted` would want it for both). It goes
// with the group: one that is made anew under the same name has none.
#pragma once

#include <cstdint>
#include <optional>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// `group`: open, and not with O_PATH.
Result<void> writeRunOwner(int group, std::uint32_t uid);
// Without the heap. Absent: nobody has said it, or what is there is no user's id.
std::optional<std::uint32_t> readRunOwner(int group);

}  // namespace ringfence::sandbox
