// Protection of one group of a person's from what agents take: memory and video memory that is taken back from others
// first, a larger share of the disk. Never of the processor's time.
//
// A group has at most the protection that each group above it has, and the top of a branch is what stands beside the
// agents'. So the same is written on the whole way down, and only where less was there; nothing else below these groups
// gets any of it, but what the group itself does not use may go to its neighbours there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/plan/kernel_features.h"
#include "sdk/base/result.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

// One number that is written and put back. `key`: the line of the file that it is in; empty: the file is the number.
struct ProtectionWrite {
  std::string path;  // below the root, without a slash in front
  std::string key, before, after;
  bool operator==(const ProtectionWrite&) const = default;
};

struct ProtectionPlan {
  struct Part {
    std::string what;    // "memory", "disk", "video memory"
    std::string amount;  // "512.0 MiB"; empty: none; and then
    std::string why;     // nothing can be done
    bool operator==(const Part&) const = default;
  };
  std::string group;  // of the unified hierarchy: "/user.slice/…"
  std::vector<Part> parts;
  std::vector<ProtectionWrite> writes;  // from the top down
};

// What can be done for the groups in `cgroupText` (/proc/PID/cgroup). Reads; writes nothing. `root`: the directory that
// mount points in `features` are relative to. Memory: at most `memory`, rounded down.
ProtectionPlan planProtection(int root, const KernelFeatures& features, std::string_view cgroupText, Bytes memory);

// Fails with what the kernel says, naming the file.
Result<void> writeProtection(int root, const ProtectionWrite& write);
// Where the number is still the one that was written. A group that is gone, or that somebody else has changed since, is
// left as it is.
Result<void> undoProtection(int root, const ProtectionWrite& write);

// Whether a group of these is one of agents: of any supervisor of ours.
bool isGroupOfRun(std::string_view cgroupText);

// Whether the groups that would be written to are `uid`'s: each is in that user's slice, belongs to that user, or holds
// processes of that user alone. Fails with kDenied saying why not. To the root nothing is written.
Result<void> checkGroupOwner(int root, const KernelFeatures& features, std::string_view cgroupText, std::uint32_t uid);

}  // namespace ringfence::sandbox
