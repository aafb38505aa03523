// Directories and files that are made below the new root: places to mount on, and places that are held. In the file
// systems that were made for the run root makes them. In what came from the host, where directories are other people's
// and change meanwhile, the run's own rights decide: nothing is made there that the run could not make itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

// What a file that holds the place of `name` says: nothing, but for git's "commondir", which leads git to other
// settings. git refuses to work while an empty one is there, and stays where it is with ".".
std::string_view contentOfHeld(std::string_view name);

class NodeMaker {
 public:
  explicit NodeMaker(const Identity& run);

  // Of another run from now on.
  void setRun(const Identity& run);

  // `object` is in a file system that was made for the run.
  Result<void> addOwn(int object);
  bool isOwn(int object) const;

  // Makes what is missing on the way to `path`, never through a symbolic link. O_PATH.
  Result<UniqueFd> ensureDirectory(int root, const std::string& path, unsigned mode) const;
  Result<UniqueFd> ensureFile(int root, const std::string& path) const;

  // A name in an open directory; `error` is what came of it: 0 or errno. Of 0 the file that was made, too.
  struct Name {
    int directory = -1;
    std::string name;
    bool inGitFolder = false;  // somewhere below a .git
    int error = 0;
    std::uint64_t device = 0, inode = 0;
  };
  // Makes something empty of each, so that nothing else can have the name; takes the run's rights once.
  Result<void> holdNames(std::vector<Name>& names) const;
  // Takes away again what holdNames() has made just now.
  void letGoOfNames(const std::vector<Name>& names) const;

 private:
  template <typename Make>
  Result<void> make(int parent, const Make& make) const;

  Identity run_;  // whose rights count is in the places of the caller's
  std::set<dev_t> own_;
};

}  // namespace ringfence::sandbox
