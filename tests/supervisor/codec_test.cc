#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <set>

#include "random_facts.h"
#include "sdk/base/text.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor::test {
namespace {

TEST_CASE("a fact of every kind comes back from its JSON as it was, whatever bytes it holds") {
  RandomFacts random(1);
  for (std::size_t kind = 0; kind < std::variant_size_v<FactBody::Kinds>; ++kind) {
    for (int i = 0; i < 50; ++i) {
      const FactBody body = random.body(kind);
      const std::string json = encodeFactBody(body);
      CAPTURE(json);
      CHECK(isValidUtf8(json));
      const auto decoded = decodeFactBody(factKind(body), json);
      REQUIRE(decoded);
      CHECK(*decoded == body);
      CHECK(encodeFactBody(*decoded) == json);
    }
  }
}

TEST_CASE("facts are canonical JSON with sorted keys; what is absent is left out") {
  CHECK(encodeFactBody(RunEnded{.exit = {.code = 3, .signal = {}}, .outOfMemory = false, .note = "n", .usage = {}}) ==
        R"({"exit":{"code":3},"note":"n","out_of_memory":false,"usage":{}})");
  CHECK(encodeFactBody(RunStopping{.byUid = 7, .kill = true, .reason = "\xff"}) ==
        R"({"by_uid":7,"kill":true,"reason":{"base64":"/w=="}})");
}

TEST_CASE("a reader ignores fields that it does not know and defaults those that an old fact lacks") {
  const auto fact = decodeFactBody("run-refused", R"({"token":"landlock","invented":{"later":[1]}})");
  REQUIRE(fact);
  CHECK(std::get<RunRefused>(*fact) == RunRefused{"landlock", "", 125});
}

TEST_CASE("a fact that cannot be read is refused by kind and field") {
  const auto message = [](std::string_view kind, std::string_view json) {
    const auto result = decodeFactBody(kind, json);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::kInvalid);
    return result.error().message;
  };
  CHECK(message("run-flew", "{}").find("run-flew") != std::string::npos);
  CHECK(message("run-started", "{").find("is not JSON") != std::string::npos);
  CHECK(message("run-started", "[]").find("is not an object") != std::string::npos);
  CHECK(message("run-started", R"({"pid":"x"})").find("pid is not a whole number") != std::string::npos);
  CHECK(message("run-started", R"({"pid":99999999999})").find("pid") != std::string::npos);
  CHECK(message("run-started", R"({"pid":1.5})").find("pid") != std::string::npos);
  CHECK(message("run-frozen", R"({"by_uid":-1})").find("by_uid") != std::string::npos);
  CHECK(message("run-ended", R"({"exit":{"code":true}})").find("exit.code") != std::string::npos);
  CHECK(message("run-built", R"({"posture":[{"wall":"moat"}]})").find("posture.wall") != std::string::npos);
  CHECK(message("run-refused", R"({"token":{"base64":"%"}})").find("token") != std::string::npos);
}

TEST_CASE("facts written by every earlier build are still read") {
  std::ifstream file(std::string(RF_SOURCE_DIR) + "/tests/golden/facts.jsonl");
  REQUIRE(file);
  std::set<std::string> kinds;
  for (std::string line; std::getline(file, line);) {
    const std::size_t space = line.find(' ');
    REQUIRE(space != std::string::npos);
    const std::string kind = line.substr(0, space), body = line.substr(space + 1);
    CAPTURE(line);
    const auto decoded = decodeFactBody(kind, body);
    REQUIRE(decoded);
    CHECK(factKind(*decoded) == kind);
    // Nothing that was written may be lost on the way in.
    CHECK(encodeFactBody(*decoded) == body);
    kinds.insert(kind);
  }
  for (const std::string_view kind : factKinds()) CHECK(kinds.contains(std::string(kind)));
}

TEST_CASE("any sequence of facts folds to a state that comes back from its JSON, and no ended run lives again") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    RandomFacts random(seed);
    State state;
    std::set<RunId> ended;
    for (std::uint64_t seq = 1; seq <= 300; ++seq) {
      state = evolve(std::move(state), random.fact(seq));
      CHECK(state.lastSeq == seq);
      for (const auto& [id, run] : state.runs) {
        if (ended.contains(id)) CHECK_FALSE(isLive(run));
        if (!isLive(run)) ended.insert(id);
      }
    }
    const auto decoded = decodeState(encodeState(state));
    REQUIRE(decoded);
    CHECK(encodeState(*decoded) == encodeState(state));
  }
}

TEST_CASE("a state with contradictions is refused") {
  CHECK_FALSE(decodeState("null"));
  CHECK_FALSE(decodeState(R"({"ended":["r-0000000000000001"]})"));
  CHECK_FALSE(decodeState(R"({"runs":[{"id":"r-0000000000000001","life":{"state":"ended"}}]})"));
  CHECK_FALSE(decodeState(R"({"runs":[{"id":"r-0000000000000001","life":{"state":"flying"}}]})"));
  CHECK_FALSE(decodeState(R"({"runs":[{"id":"r-0000000000000001"},{"id":"r-0000000000000001"}]})"));
  CHECK(decodeState("{}"));
}

TEST_CASE("the oldest ended runs leave the state") {
  State state;
  std::uint64_t seq = 0;
  for (unsigned i = 1; i <= kMaxEndedRuns + 5; ++i) {
    state = evolve(std::move(state), {.seq = ++seq, .run = runId(i), .at = {}, .bootId = "b", .body = RunAdmitted{}});
    state = evolve(std::move(state), {.seq = ++seq, .run = runId(i), .at = {}, .bootId = "b", .body = RunEnded{}});
  }
  CHECK(state.runs.size() == kMaxEndedRuns);
  CHECK_FALSE(state.runs.contains(runId(5)));
  CHECK(state.runs.contains(runId(6)));
}

}  // namespace
}  // namespace ringfence::supervisor::test
