#include "tests/support/golden.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/temp_dir.h"

namespace ringfence::test {
namespace {

// The first line that differs, with both sides: a whole file in a test's output helps nobody.
std::string firstDifference(const std::string& expected, const std::string& actual) {
  std::istringstream left(expected);
  std::istringstream right(actual);
  std::string a;
  std::string b;
  for (int line = 1;; ++line) {
    const bool more = static_cast<bool>(std::getline(left, a));
    const bool extra = static_cast<bool>(std::getline(right, b));
    if (!more && !extra) return "equal";
    if (!more) a = "(end)";
    if (!extra) b = "(end)";
    if (a != b) return "line " + std::to_string(line) + "\n  expected: " + a + "\n  actual:   " + b;
  }
}

}  // namespace

void checkGolden(const std::string& name, const std::string& text) {
  const std::filesystem::path file = std::filesystem::path(RF_SOURCE_DIR) / "tests/golden" / name;
  const char* update = std::getenv("UPDATE_GOLDEN");
  if (update != nullptr && std::string(update) == "1") {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  const std::string expected = readFile(file.string());
  INFO(name << ": " << firstDifference(expected, text));
  CHECK((expected == text));
}

}  // namespace ringfence::test
