// What a run left behind for later: what it made under names that patterns of its policy forbid only as they are at
// launch (repositories in folders of the workspace above all), and, of a run that no warden watched, what changed under
// names that somebody outside runs or obeys. For pid 1 at the end, alone inside the fence: nobody with more rights than
// the agent follows what the agent made. Looked through is only what the run may write outside, so that of a run with
// nothing to write nothing is read; both looks are bounded in what they read and in what they tell, and say so where
// they met a bound.
//
// Folders that a launch read and that nobody has changed since are not read again.
//
//   const Beginning beginning = Beginning::now();  // before the command
//   ...
//   for (const std::string& found : madeDespitePatterns(plan, folders)) ...
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/kernel/folder_memory.h"
#include "sandbox/plan/plan.h"

namespace ringfence::sandbox {

// Of a repository its ".git" is named once; of many things the first ones. Not for a run whose opens are all notified:
// ours would be too, and we must wait for nobody.
std::vector<std::string> madeDespitePatterns(const Plan& plan, FolderMemory& folders);

// When a run began, by the clock that the kernel stamps changes with and by one that nobody sets.
struct Beginning {
  std::int64_t wallNs = 0;
  std::int64_t bootNs = 0;

  static Beginning now();
  // The earliest stamp that a change since then can bear, seen from `now`: where the clock was set back, that is before
  // the beginning. Pure.
  std::int64_t earliestNs(const Beginning& now) const;
};

// Each "NAME (who runs or obeys it)", those nearest to the top first; names in the workspace as from there.
// Goes by the time of the last change of what bears such a name, which no program can set: so what somebody outside
// changed meanwhile is named too. Nothing for a run with a warden, which knows better. Not found: a file that bore its
// name before and was moved with the folder above it; in memory file systems a write through a mapping, and what a file
// system stamps by another clock than ours (NFS) or more coarsely (FAT).
// `folders`: one that watches policy::mayBeObeyed.
std::vector<std::string> changedMeanwhile(const Plan& plan, const Beginning& beginning, const FolderMemory& folders);

}  // namespace ringfence::sandbox
