#include "supervisor/prices.h"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>

#include "supervisor/calendar.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

PriceTable tableOf(const std::string& text) {
  return std::get<PriceTable>(PriceTable::parse({.file = "prices.toml", .text = text}));
}

std::string wrongIn(const std::string& text) {
  return std::get<policy::Diagnostic>(PriceTable::parse({.file = "prices.toml", .text = text})).message;
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("a cost is tokens times list prices, rounded up, by the line that says most of the model's name") {
  const PriceTable table = tableOf(R"(
dated = "2026-01"
[models]
"big-*"     = { input = "$3.00", output = "$15.00" }
"big-2*"    = { input = "$1.00", output = "$2.00" }
"at-home"   = { input = "$0", output = "$0" }
)");
  CHECK(table.costOf("big-1", 1000, 100) == 4500U);
  CHECK(table.costOf("big-2-mini", 1'000'000, 1'000'000) == 3'000'000U);
  CHECK(table.costOf("big-1", 0, 1) == 15U);
  CHECK(table.costOf("big-2", 1, 0) == 1U);
  CHECK(tableOf("[models]\n\"x\" = { input = \"$0.05\", output = \"$1.00\" }").costOf("x", 1, 0) == 1U);
  CHECK(table.costOf("at-home", 500, 500) == 0U);
  CHECK(table.costOf("big-1", UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

TEST_CASE("a model that no line names, and a call that names none, cost an unknown amount and never nothing") {
  const PriceTable table = tableOf("[models]\n\"known\" = { input = \"$1.00\", output = \"$1.00\" }");
  CHECK_FALSE(table.costOf("other", 10, 10));
  CHECK_FALSE(table.costOf("", 10, 10));
  ModelUsage usage;
  usage.model = "other";
  usage.reports = 2;
  usage.inputTokens = 10;
  table.estimate(usage);
  CHECK_FALSE(usage.estimatedMicroUsd);
  CHECK(usage.unpriced == 2U);
  usage = {.model = "known", .reports = 1, .inputTokens = 10, .costMicroUsd = 4, .counters = {}};
  table.estimate(usage);
  CHECK_FALSE(usage.estimatedMicroUsd);  // Whoever tells its cost knows better.
  CHECK_FALSE(usage.unpriced);
}

TEST_CASE("a file of prices that says anything else is refused as a whole, with the line") {
  CHECK(wrongIn("[prices]\n").find("[models]") != std::string::npos);
  CHECK(wrongIn("[models]\n\"x\" = { input = \"$1\" }").find("`x` needs") != std::string::npos);
  CHECK(wrongIn("[models]\n\"x\" = { input = 1.0, output = \"$1\" }").find("`x` needs") != std::string::npos);
  CHECK(wrongIn("[models]\n\"x\" = { input = \"$1\", output = \"$1\", per = \"$1\" }").find("needs") !=
        std::string::npos);
}

TEST_CASE("the shipped prices load, and say when they were written down") {
  std::ifstream file(std::string(RF_SOURCE_DIR) + "/policy/prices.toml");
  std::stringstream text;
  text << file.rdbuf();
  const PriceTable table = tableOf(text.str());
  CHECK(table.costOf("claude-sonnet-4-5-20250929", 1'000'000, 0) == 3'000'000U);
  CHECK(table.costOf("gpt-4o-mini-2024-07-18", 0, 1'000'000) == 600'000U);
  CHECK_FALSE(table.costOf("gpt-4o-audio-preview", 1, 1));  // Priced otherwise, so no line of a sibling may match it.
  CHECK(text.str().find("\ndated = \"20") != std::string::npos);
}

TEST_CASE(
    "lines of the system's own file of prices count before those that are shipped, and a broken file before its fix") {
  const test::TempDir directory;
  const std::string shipped = directory.path() + "/share/prices.toml", own = directory.path() + "/etc/prices.toml";
  directory.makeDirectory("share");
  directory.makeDirectory("etc");
  CHECK(priceFilesBeside({directory.path() + "/share/policies", directory.path() + "/etc/policies"}) ==
        std::vector<std::string>{shipped, own});
  PriceFiles files({shipped, own});
  CHECK(files.look().empty());
  CHECK_FALSE(files.inForce().costOf("m", 1, 1));
  write(shipped, "[models]\n\"m\" = { input = \"$1.00\", output = \"$1.00\" }");
  CHECK(files.look().empty());
  CHECK(files.inForce().costOf("m", 1'000'000, 0) == 1'000'000U);
  write(own, "[models]\n\"m\" = { input = \"$2.00\", output = \"$1.00\" }");
  CHECK(files.look().empty());
  CHECK(files.inForce().costOf("m", 1'000'000, 0) == 2'000'000U);
  write(own, "[models]\n\"m\" = ");
  CHECK(files.look().size() == 1);
  CHECK(files.look().empty());  // It was said.
  CHECK(files.inForce().costOf("m", 1'000'000, 0) == 2'000'000U);
}

TEST_CASE("a day is of the machine's own calendar") {
  const std::string day = localToday(std::chrono::seconds(1'774'915'200)).day;  // 2026-03-31T00:00:00Z
  CHECK((day == "2026-03-30" || day == "2026-03-31"));
}
