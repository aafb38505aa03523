// What the host says about names (/etc/resolv.conf, /etc/hosts), copied into a directory of our own and kept true:
// every outer half of an egress has that directory, read-only, so a file that is replaced is followed although its view
// is made once. The files themselves, bound one by one, would be those of its start; the directory they are in holds
// more than an egress may see.
//
//   NameFiles names = RF_TRY(NameFiles::create(runDirectory + "/" + kNameFilesBeside));
//   // when names.fd() is readable: names.onChange();
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

inline constexpr const char* kNameFilesBeside = "names";  // in the launcher's run directory

class NameFiles {
 public:
  // Makes `directory`, or uses the one that is there, and copies. `sources`: absolute paths; a copy has its last part.
  static Result<NameFiles> create(std::string directory,
                                  std::vector<std::string> sources = {"/etc/resolv.conf", "/etc/hosts"});

  int fd() const { return changes_.get(); }  // -1: the kernel has no watch for us
  // Copies again when one of the files, or a link that leads to it, was written, replaced, made or removed.
  void onChange();
  // Copies whatever is there now. A file that is gone, or longer than a resolver reads, has no copy.
  void refresh();

 private:
  NameFiles(std::string directory, std::vector<std::string> sources, UniqueFd changes)
      : directory_(std::move(directory)), sources_(std::move(sources)), changes_(std::move(changes)) {}
  void watchWayTo(const std::string& source);
  void copy(const std::string& source);

  std::string directory_;
  std::vector<std::string> sources_;
  UniqueFd changes_;
  std::set<std::string> names_;  // in the directories that are watched: of the files and of links on the way
};

}  // namespace ringfence::sandbox
