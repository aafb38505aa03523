#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/support/temp_dir.h"
#include "trace.h"

using namespace ringfence;
using namespace ringfence::test;

TEST_CASE("each trace of keyboards fires what it says, when it says, and nothing else") {
  int played = 0;
  for (const auto& entry : std::filesystem::directory_iterator(RF_SOURCE_DIR "/tests/supervisor/stop/keys/traces")) {
    INFO(entry.path().filename().string());
    const auto result = playTrace(readFile(entry.path().string()));
    CHECK(words(result.fired) == words(result.expected));
    ++played;
  }
  CHECK(played >= 22);
}

TEST_CASE("a trace that expects what does not happen is seen to") {
  const std::string trace = "trigger hold end 500ms\n0 plug 0 0001:0001 end\n10 key 0 end 1\n400 fires 0\n900 end\n";
  const auto result = playTrace(trace);
  CHECK(result.fired == std::vector<Fired>{{510, 0, supervisor::stop::Press::kPressed}});
  CHECK(result.fired != result.expected);
}
