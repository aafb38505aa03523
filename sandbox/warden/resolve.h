// From a path of the caller to objects: what is there is pinned (O_PATH), what is not there is a name in a pinned
// directory. Resolved by the kernel in the mount namespace and root that both share; only what means "myself" is
// translated to the caller: /proc/self, /proc/thread-self, the magic links below them (also behind /dev/fd and
// /dev/stdin), and what leads there through symbolic links.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "sandbox/warden/caller.h"
#include "sandbox/warden/folder.h"
#include "sandbox/warden/or_errno.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

enum class LastLink { kFollow, kKeep };

// A path as it was copied, and what it is relative to.
struct CopiedPath {
  std::string text;
  SharedFolder base;  // none: the text is absolute
  int directory() const;
  bool endsWithSlash() const { return text.ends_with('/'); }
};
OrErrno<CopiedPath> copyPath(const Caller& caller, int descriptor, std::uint64_t address);
// One that a person or a rule put in place of another: absolute.
OrErrno<CopiedPath> givenPath(std::string text);

// A name in a directory; there may or may not be something of that name. `name` is as it was written, with slashes
// behind it: the kernel says what those mean.
struct Place {
  UniqueFd directory;
  std::string name;
  // ".", ".." and "/": nothing can be made or removed there, and the kernel says how that fails.
  bool isSpecial() const;
};

// `resolve`: of openat2(2), what the caller asked for. Adds RESOLVE_NO_MAGICLINKS.
OrErrno<UniqueFd> pinObject(const Caller& caller, const CopiedPath& path, LastLink last, std::uint64_t resolve = 0);
OrErrno<Place> pinPlace(const Caller& caller, const CopiedPath& path, std::uint64_t resolve = 0);
// Where a file would be made that open(2) makes: a last link that leads to nothing is followed.
OrErrno<Place> pinPlaceBehindLinks(const Caller& caller, const CopiedPath& path, std::uint64_t resolve = 0);

// What a pinned object is called now: an absolute path, or empty for what has no name (a pipe, a deleted file): then it
// is nobody's but those who have it open. EACCES for what lies outside the root or in no mount of this process.
OrErrno<std::string> pathOf(int object);
OrErrno<std::string> pathOf(const Folder& folder);
OrErrno<std::string> pathOf(const Place& place);
// Whether it lies in a mount of the run.
bool isOfThisRun(int object);
// The object's name below its own /proc/self/fd, which every thread of a warden has as its working directory.
std::string handleOf(int object);

}  // namespace ringfence::sandbox
