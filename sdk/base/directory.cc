#include "sdk/base/directory.h"

#include <fcntl.h>

#include <cerrno>
#include <string_view>

#include "sdk/base/io.h"

namespace ringfence {

Result<Directory> Directory::open(int parent, const std::string& path) {
  return of(RF_TRY(openAt(parent, path, O_RDONLY | O_DIRECTORY)), path);
}

Result<Directory> Directory::of(UniqueFd fd, const std::string& path) {
  DIR* const stream = ::fdopendir(fd.get());
  if (stream == nullptr) return posixError(errno, "listing " + path);
  (void)fd.release();  // The stream's now.
  return Directory(stream);
}

const dirent* Directory::next() {
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(stream_.get());
    if (entry == nullptr) {
      trouble_ = errno;
      return nullptr;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry;
  }
}

}  // namespace ringfence
