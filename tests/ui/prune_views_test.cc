#include "ui/cli/prune_views.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace ringfence::cli {
namespace {

std::vector<client::PrivateHome> example() {
  return {{1000, "cod\x1b[2Jing", "2026-11-28T10:00:00.123456Z", 3 << 20, true, "goes", ""},
          {1000, "offline", "2026-11-28T10:00:00.123456Z", 1 << 20, false, "goes", ""},
          {1001, "web", "2026-11-28T10:00:00.123456Z", 1 << 20, false, "recent", ""},
          {1001, "net", "2026-11-28T10:00:00.123456Z", 1 << 20, false, "in-use", "run r-1 (a) uses it"}};
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("each home is a line that says what becomes of it, and why it stays") {
  const std::string text = homesTable(example(), Pruning::kForGood, "30d");
  CHECK(mentions(text, ">3.0 MiB"));
  CHECK(mentions(text, "2026-11-28T10:00:00Z"));
  CHECK(mentions(text, "is removed"));
  CHECK(mentions(text, "stays: used in the last 30d"));
  CHECK(mentions(text, "stays: run r-1 (a) uses it"));
  CHECK_FALSE(mentions(text, "\x1b"));
  const std::string dry = homesTable(example(), Pruning::kDryRun, "30d");
  CHECK(mentions(dry, "would be removed"));
  CHECK_FALSE(mentions(dry, "is removed"));
  CHECK(homesTable({}, Pruning::kForGood, "30d").empty());
}

TEST_CASE("the last line has the sum; of a dry run what would be, and that nothing was") {
  CHECK(prunedText(example(), Pruning::kForGood, {2, 4 << 20, {}}) == "2 homes removed, 4.0 MiB\n");
  CHECK(prunedText(example(), Pruning::kForGood, {1, 0, {}}).starts_with("1 home removed, "));
  CHECK(prunedText(example(), Pruning::kDryRun, {}) == "2 homes would be removed, 4.0 MiB; nothing was\n");
}

TEST_CASE("the JSON of a prune is one object with every home and the sums") {
  const auto json = nlohmann::json::parse(pruneJson(example(), Pruning::kDryRun, {1, 5, {"a mount"}}));
  REQUIRE(json["homes"].size() == 4);
  CHECK(json["homes"][0]["policy"] == "cod\\x1b[2Jing");
  CHECK(json["homes"][0].contains("policy_raw"));
  CHECK(json["homes"][0]["bytes"] == 3 << 20);
  CHECK(json["homes"][0]["more"] == true);
  CHECK(json["homes"][0]["why"].is_null());
  CHECK(json["homes"][3]["fate"] == "in-use");
  CHECK(json["dry_run"] == true);
  CHECK(json["removed"] == 1);
  CHECK(json["removed_bytes"] == 5);
  CHECK(json["left"][0] == "a mount");
}

}  // namespace ringfence::cli
