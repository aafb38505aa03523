// The child of a launch: waits in its control groups and birth namespaces, builds every other wall around itself when
// the Plan comes, waits to be judged and released, and goes on as the run's pid 1 (sandbox/launcher/run_init.h).
#pragma once

#include <string>
#include <vector>

#include "sandbox/kernel/folder_memory.h"
#include "sandbox/wire/codec.h"

namespace ringfence::sandbox {

// What its parent has learned from launches before.
struct Inherited {
  KnownTable& table;
  FolderMemory& folders;
};

// `control` is its end of the pair. `attachPoint`: a directory of the host that the new root is put on for a moment.
// `joinFiles`: as CgroupTree gives them; none: it is where it belongs.
// `scope`: what ScopeCanary::tryFrom gave at its birth.
[[noreturn]] void runChild(int control, const char* attachPoint, Inherited inherited,
                           const std::vector<std::string>& joinFiles, int scope = 0);

}  // namespace ringfence::sandbox
