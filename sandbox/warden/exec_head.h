// How programs begin that were looked at before: that this user may execute them, the first line of a script, and what
// they are called where the run cannot rename anything. For as long as nothing of the file changed, its times included;
// one that was changed a moment ago is looked at again. What this says wrongly all the same is another program than the
// one that is verified when it runs, and is killed then.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "sandbox/warden/exec_script.h"

namespace ringfence::sandbox {

struct KnownProgram {
  ProgramHead head;
  std::string path;  // empty: to be asked for each time
};

// Of a file as statx(2) describes it, with STATX_BASIC_STATS and STATX_MNT_ID. On any thread.
std::optional<KnownProgram> knownProgram(const struct statx& file);
// Of one with several names the path is not kept.
void knowProgram(const struct statx& file, KnownProgram program);

// The same of a file that an absolute path leads to for good (fixed_path.h), by that path: then it need not be opened.
// `file`: what is there now, where something is known. Asks the kernel in that case alone, with one call.
std::optional<KnownProgram> knownAt(const std::string& path, struct statx& file);
void knowAt(const std::string& path, const struct statx& file, KnownProgram program);

}  // namespace ringfence::sandbox
