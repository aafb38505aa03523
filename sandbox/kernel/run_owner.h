// Whose a run is, for who must know it without the daemon, its log or a policy: ringfence-stop. The kernel keeps it on
// the run's group in the unified hierarchy, as the owner of its file `cgroup.stat`: to give a file away takes CAP_CHOWN
// in the first user namespace, also over a mount of control groups that another one has made for itself; to read whose
// it is takes nothing. The owner can do nothing with that file which everybody cannot, for it has no way to be written;
// to take its mark off makes the run nobody's, and no one else's. It goes with the group: one that is made anew under
// the same name has none.
//
// An extended attribute would not do: before Linux 6.10 anybody may set those of `security` where the kernel has the
// BPF security module, as that of Debian 12 has, and to read one of `trusted` takes CAP_SYS_ADMIN.
#pragma once

#include <cstdint>
#include <optional>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

Result<void> writeRunOwner(int group, std::uint32_t uid);
// Without the heap. Absent: nobody has said it.
std::optional<std::uint32_t> readRunOwner(int group);

}  // namespace ringfence::sandbox
