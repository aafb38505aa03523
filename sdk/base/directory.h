// What is in a directory, one entry after the other.
//
//   Directory directory = RF_TRY(Directory::open(parent, "sys/block"));
//   while (const dirent* entry = directory.next()) …
#pragma once

#include <dirent.h>

#include <memory>
#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence {

class Directory {
 public:
  // `path` below `parent`, a directory descriptor or AT_FDCWD; "." is the parent itself, read from its beginning. Fails
  // with errno's code and the path.
  static Result<Directory> open(int parent, const std::string& path);
  // Of a directory that is open for reading; `path` is what an error calls it.
  static Result<Directory> of(UniqueFd fd, const std::string& path);

  // Lives as long as this.
  int fd() const { return ::dirfd(stream_.get()); }

  // Without "." and ".."; valid until the next call. Null: there are no more, or the rest cannot be read.
  const dirent* next();
  // Why next() was null: 0 at the end, else errno.
  int trouble() const { return trouble_; }

 private:
  struct Close {
    void operator()(DIR* stream) const { (void)::closedir(stream); }  // Nothing was written.
  };
  explicit Directory(DIR* stream) : stream_(stream) {}

  std::unique_ptr<DIR, Close> stream_;
  int trouble_ = 0;
};

}  // namespace ringfence
