// Every policy that a page shows is one.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <sstream>

#include "policy/diagnostic.h"
#include "policy/load.h"
#include "tests/policy/sources.h"
#include "tests/support/temp_dir.h"

using namespace ringfence::policy;
using namespace ringfence::test;

TEST_CASE("each policy in the documentation loads") {
  const std::filesystem::path root(RF_SOURCE_DIR);
  std::vector<std::filesystem::path> pages = {root / "README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  int examples = 0;
  for (const auto& page : pages) {
    std::istringstream lines(readFile(page.string()));
    std::string block;
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
      if (!inside) {
        inside = line == "```toml";
        block.clear();
        continue;
      }
      if (line != "```") {
        block += line + "\n";
        continue;
      }
      inside = false;
      ++examples;
      const auto errors = check(text(page.filename().string(), block));
      INFO(renderText(errors));
      CHECK(errors.empty());
    }
    CHECK_FALSE(inside);
  }
  CHECK(examples > 0);
}
