// Paths that lead to the same file for as long as the run lives, whatever is done in it: every folder on the way, and
// on the way of its symbolic links, is mounted read-only here and is nobody's of the run to change through any other
// mount. Nobody in a run makes mounts or has another root. Somebody outside may still put another file there.
#pragma once

#include <sys/stat.h>

#include <string>

namespace ringfence::sandbox {

// Whether the absolute `path`, followed to its end, is such a path to `file`, which is as statx(2) describes it, with
// STATX_BASIC_STATS and STATX_MNT_ID. False also where that cannot be told. Blocks as file systems do.
bool leadsForGood(const std::string& path, const struct statx& file);

}  // namespace ringfence::sandbox
