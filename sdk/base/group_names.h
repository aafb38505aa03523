// What follows NAME (--cgroup-root) in the names of the control groups of one daemon, at the top of each hierarchy.
#pragma once

namespace ringfence {

// Of runs, by their class.
inline constexpr const char* kBackgroundBranch = "-background";
inline constexpr const char* kInteractiveBranch = "-interactive";
inline constexpr const char* kGuardsBranch = "-guards";  // of background runs, where the processor is shared out on v1
inline constexpr const char* kLauncherGroup = "-launcher";  // a number may follow

}  // namespace ringfence
