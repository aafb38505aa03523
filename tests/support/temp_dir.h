// A directory of a test's own, removed with everything in it at the end.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::test {

class TempDir {
 public:
  enum class Where { kDisk, kMemory };  // kMemory: for trees of very many files, where there is room for them
  explicit TempDir(Where where = Where::kDisk);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file below, making directories on the way; returns its absolute path.
  std::string write(std::string_view relative, std::string_view content) const;
  std::string makeDirectory(std::string_view relative) const;

 private:
  std::string path_;
};

std::string readFile(const std::string& path);

}  // namespace ringfence::test
