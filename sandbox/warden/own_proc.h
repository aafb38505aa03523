// /proc is the same for a warden and its caller, but not what they may do there: a warden may look into every process
// of the run, and a file that it opens there stays open for whoever gets it.
#pragma once

#include "sandbox/warden/caller.h"

namespace ringfence::sandbox {

enum class ProcUse { kRead, kWrite };
// 0, or why the caller may not have `object`, which is on a procfs: of other processes only what everybody may read;
// of itself everything but its memory for writing.
int refusalOfProcFile(const Caller& caller, int object, ProcUse use);

}  // namespace ringfence::sandbox
