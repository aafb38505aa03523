#include "ui/cli/stop_views.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "ui/cli/command_line.h"

namespace ringfence::cli {
namespace {

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

constexpr const char* kReceipt =
    R"({"at":"2026-11-28T01:00:00Z","by":1000,"trigger":"asked","runs":2,"processes":9,"frozen":7,"held":2,"finishing":0,)"
    R"("write_usec":412,"took_usec":61250,"verified":true,"killed":false,"latched":true,)"
    R"("evidence":[{"run":"r-0000000000000001","frozen":7,"held":2,"finishing":0},{"run":"\u001b[2J","frozen":0,"held":0,"finishing":1},)"
    R"({"run":"r-0000000000000002","frozen":1,"held":0,"finishing":0,"prepared":true}]})";

}  // namespace

TEST_CASE("a receipt says how many stand still, how long it took, each run, and how it ends") {
  const auto receipt = readReceipt(kReceipt);
  REQUIRE(receipt);
  CHECK(receipt->verified);
  CHECK(receipt->latched);
  CHECK_FALSE(receipt->killed);
  CHECK(receipt->refused.empty());
  CHECK(receipt->text.starts_with("stopped 2 runs with 9 processes in 61.3 ms (0.4 ms"));
  CHECK(mentions(receipt->text, "  r-0000000000000001: 7 frozen, 2 held\n"));
  CHECK(mentions(receipt->text, ": 0 frozen, 1 finishing\n"));
  CHECK_FALSE(mentions(receipt->text, "\x1b"));
  CHECK_FALSE(mentions(receipt->text, "r-0000000000000002"));  // nobody's run yet
  CHECK_FALSE(mentions(receipt->text, "NOT verified"));
  CHECK(mentions(receipt->text, "'ringfence rearm'"));
}

TEST_CASE("a receipt that is not verified says what of it is not, and unknown numbers are no zeros") {
  const auto finishing =
      readReceipt(R"({"runs":1,"processes":1,"finishing":1,"took_usec":5000000,"verified":false,"latched":true})");
  REQUIRE(finishing);
  CHECK_FALSE(finishing->verified);
  CHECK(mentions(finishing->text, "1 run with 1 process in 5000.0 ms (?"));
  CHECK(mentions(finishing->text, "NOT verified: 1 process still inside a call begun before"));
  const auto bare = readReceipt("{}");
  REQUIRE(bare);
  CHECK_FALSE(bare->verified);
  CHECK_FALSE(bare->latched);
  CHECK(mentions(bare->text, "stopped ? runs with ? processes"));
  const auto trouble = readReceipt(
      R"({"latched":true,"latch_problem":"No space left on device","freeze_problem":"Input/output error"})");
  CHECK(mentions(trouble->text, "the latch is not on the disk: No space left"));
  CHECK(mentions(trouble->text, "did not take all of it: Input/output error"));
}

TEST_CASE("a refusal is no receipt, a kill that was refused is one and says so, and anything else is neither") {
  const auto refused = readReceipt(R"({"error":"too many connections","verified":true,"latched":true})");
  REQUIRE(refused);
  CHECK(refused->refused == "too many connections");
  CHECK_FALSE(refused->verified);
  CHECK_FALSE(refused->latched);
  const auto frozen =
      readReceipt(R"({"kill_refused":"killing needs an administrator","verified":true,"latched":true,"killed":false})");
  CHECK(frozen->refused == "killing needs an administrator");
  CHECK(frozen->verified);
  for (const char* other : {"", "[]", "x", "1", "{"}) CHECK_FALSE(readReceipt(other));
}

TEST_CASE(
    "a receipt says how many of the own runs ended, that the others stay frozen, and which do not say whose they are") {
  const std::string counts = R"({"runs":3,"processes":9,"took_usec":100,"write_usec":10,"latched":true,)";
  const auto some = readReceipt(counts + R"("verified":true,"killed":false,"killed_runs":2,"killed_left":0,)"
                                         R"("kill_refused":"the others stay frozen"})");
  CHECK(some->text.starts_with("stopped 3 runs with 9 processes"));
  CHECK(mentions(some->text, "killed 2 runs of yours; 1 other run stays frozen\n"));
  CHECK_FALSE(mentions(some->text, "whose they are"));
  CHECK_FALSE(some->killed);
  CHECK(some->refused == "the others stay frozen");
  const auto all = readReceipt(counts + R"("verified":true,"killed":true,"killed_runs":3,"killed_left":0})");
  CHECK(all->text.starts_with("killed 3 runs with 9 processes"));
  CHECK_FALSE(mentions(all->text, "of yours"));
  CHECK(all->killed);
  const auto left =
      readReceipt(counts + R"("verified":false,"finishing":4,"killed":false,"killed_runs":1,"killed_left":1,)"
                           R"("owner_unknown":2,"kill_refused":"no"})");
  CHECK(mentions(left->text,
                 "killed 1 run of yours; 2 other runs stay frozen\n1 run has not ended yet\n2 runs do not say"));
  CHECK(mentions(left->text, "'ringfence kill --all' ends yours"));
  CHECK(mentions(left->text, "NOT verified: 4 processes"));
  // As an administrator reads it; and of a stop that ended nobody.
  const auto told = readReceipt(counts + R"("killed":false,"killed_runs":2,"killed_of":[1000,1001]})");
  CHECK(mentions(told->text, "killed 2 runs, as whoever owns them asked; 1 other run stays frozen\n"));
  CHECK_FALSE(mentions(readReceipt(counts + R"("killed":false,"killed_runs":0,"killed_left":0})")->text, "killed"));
}

TEST_CASE("re-arming says what stays held and how it goes on") {
  CHECK(mentions(rearmedText({}), "no run is held"));
  CHECK(mentions(rearmedText({"r-1"}), "1 run stays held until you resume it"));
  const std::string text = rearmedText({"r-1", "r-2"});
  CHECK(mentions(text, "2 runs stay held"));
  CHECK(mentions(text, "\n  ringfence resume r-1\n  ringfence resume r-2\n"));
  const auto json = nlohmann::json::parse(rearmedJson({"r-1"}));
  CHECK(json["rearmed"] == true);
  CHECK(json["held"] == nlohmann::json::parse(R"(["r-1"])"));
}

TEST_CASE("a list of runs says that everything is stopped, and that nobody could stop it") {
  CHECK(stopAlarms({}).empty());
  const auto latched = stopAlarms({true, "keyboard\x1b", "2026-11-28T01:00:00Z", ""});
  REQUIRE(latched.size() == 1);
  CHECK(mentions(latched[0], "keyboard"));
  CHECK_FALSE(mentions(latched[0], "\x1b"));
  CHECK(mentions(latched[0], "ringfence rearm"));
  const auto away = stopAlarms({false, "", "", "ringfence-stop is away"});
  REQUIRE(away.size() == 1);
  CHECK(away[0] == "ALARM: ringfence-stop is away");
}

TEST_CASE("the emergency stop takes --kill and --json, and no run") {
  const auto line = [](std::vector<const char*> words) { return parseCommandLine(words); };
  CHECK(std::get<Parsed>(line({"estop", "--kill", "--json"})).has("kill"));
  CHECK(std::holds_alternative<UsageError>(line({"estop", "coder"})));
  CHECK(std::holds_alternative<UsageError>(line({"rearm", "--kill"})));
  CHECK(std::holds_alternative<Parsed>(line({"rearm", "--json"})));
}

}  // namespace ringfence::cli
