// Compares text with a file under tests/golden/policy; UPDATE_GOLDEN=1 writes the file instead.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace ringfence::test {

inline void checkGolden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(RF_SOURCE_DIR) + "/tests/golden/policy/" + name;
  if (const char* update = std::getenv("UPDATE_GOLDEN"); update != nullptr && std::string(update) == "1") {
    std::ofstream(path, std::ios::binary) << actual;
  }
  std::ifstream file(path, std::ios::binary);
  INFO("golden file " << path);
  REQUIRE(file);
  std::ostringstream expected;
  expected << file.rdbuf();
  CHECK(actual == expected.str());
}

}  // namespace ringfence::test
