#include "tests/support/temp_dir.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sdk/base/error.h"

namespace ringfence::test {
namespace fs = std::filesystem;

TempDir::TempDir(Where where) {
  const char* memory = "/dev/shm";
  const bool inMemory = where == Where::kMemory && ::access(memory, W_OK | X_OK) == 0;
  std::string pattern = ((inMemory ? fs::path(memory) : fs::temp_directory_path()) / "ringfence-test-XXXXXX").string();
  RF_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;  // A leftover in /tmp is no reason to fail a test.
  fs::remove_all(path_, ignored);
}

std::string TempDir::write(std::string_view relative, std::string_view content) const {
  const fs::path target = fs::path(path_) / relative;
  fs::create_directories(target.parent_path());
  std::ofstream(target, std::ios::binary) << content;
  return target.string();
}

std::string TempDir::makeDirectory(std::string_view relative) const {
  const fs::path target = fs::path(path_) / relative;
  fs::create_directories(target);
  return target.string();
}

std::string readFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  char block[4096];
  // What vanishes while it is read, as in /proc and among control groups, ends there.
  while (in.read(block, sizeof block) || in.gcount() > 0) text.append(block, static_cast<std::size_t>(in.gcount()));
  return text;
}

}  // namespace ringfence::test
