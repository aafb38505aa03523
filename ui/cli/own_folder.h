// A folder of this user's, empty at first, for a run that needs no other: gone with its object, and all that is in it.
#pragma once

#include <fcntl.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "sdk/base/unique_fd.h"

namespace ringfence::cli {

class OwnFolder {
 public:
  // `purpose`: a word in its name.
  explicit OwnFolder(const std::string& purpose) {
    const char* base = std::getenv("TMPDIR");
    std::string name =
        std::string(base != nullptr && base[0] == '/' ? base : "/tmp") + "/ringfence-" + purpose + "-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return;
    path = name;
    fd = UniqueFd(::open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  ~OwnFolder() {
    std::error_code ignored;  // What is left of an empty folder is not worth a failure.
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;

  std::string path;
  UniqueFd fd;  // not there: it could not be made, and errno says why
};

}  // namespace ringfence::cli
