// What an agent asks before it acts: judged by the policy of its run, put to a person where that says so, answered
// once.
#include "supervisor/agent_questions.h"
#include "tests/supervisor/guarded_world.h"
#include "tests/supervisor/inside_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;
using namespace ringfence::supervisor::inside_world;

namespace {

constexpr char kTools[] = R"(
[tools]
default = "allow"
[[tools.rule]]
match = ["deploy*"]
decide = "ask"
why = "reaches other people"
[[tools.rule]]
match = ["drop_table"]
decide = "forbid"
why = "cannot be undone"
)";

struct Asking {
  World world;
  std::optional<Peering> client;
  std::optional<Inside> inside;
  UniqueFd socket;
  std::uint64_t call = 1;

  explicit Asking(bool unattended = false) {
    world.dir.write("policies/coding.toml", std::string(kPolicy) + kTools);
    client.emplace(world, 1000);
    client->unattended = unattended;
    inside.emplace(world, *client);
    socket = inside->connect();
  }
  void say(const UniqueFd& over, const std::string& id, const std::string& op, const std::string& target,
           const std::string& more = "") {
    inside->say(over, "{\"id\":" + std::to_string(++call) + ",\"guard\":{\"id\":\"" + id + "\",\"op\":\"" + op +
                          "\",\"target\":\"" + target + "\"" + more + "}}");
    world.daemon->storeReady();
  }
  std::optional<Json> guard(const std::string& id, const std::string& op, const std::string& target,
                            const std::string& more = "") {
    say(socket, id, op, target, more);
    auto answer = Inside::read(socket);
    if (answer) CHECK((*answer)["id"] == std::to_string(call));
    return answer;
  }
  std::string outcome() {
    world.daemon->storeReady();
    const auto answer = Inside::read(socket);
    if (!answer) return "none";
    return answer->contains("verdict") ? (*answer)["verdict"]["outcome"] : (*answer)["error"]["code"];
  }
  const std::map<std::uint64_t, Question>& questions() const { return world.daemon->state().questions; }
  void answer(std::uint64_t id, v1::Verdict verdict) {
    Peering person(world, 1000);
    CHECK(answered(world, person, answerTo(id, verdict)).value().has_done());
  }
  void pass(Microseconds time) {
    world.clock.advance(time);
    world.daemon->wake();
    world.daemon->storeReady();
  }
  void restart() {
    const State state = world.daemon->state();
    world.start(state, {{.run = inside->run, .state = sandbox::KeptState::kRunning, .initPid = 100, .pid = 101}});
  }
};

}  // namespace

TEST_CASE("what the policy knows it answers at once, with its rule, and tells the log a moment later") {
  Asking asking;
  const Json allowed = asking.guard("a", "call", "search").value()["verdict"];
  CHECK(allowed["allowed"] == true);
  CHECK(allowed["outcome"] == "allowed");
  const Json forbidden = asking.guard("b", "call", "drop_table").value()["verdict"];
  CHECK(forbidden["allowed"] == false);
  CHECK(forbidden["outcome"] == "forbidden");
  CHECK(forbidden["say"] == "cannot be undone");
  CHECK(forbidden["rule"] == "tools.rule drop_table");
  CHECK(forbidden["file_line"].get<std::string>().ends_with("/policies/coding.toml:14"));
  CHECK(asking.guard("c", "write", "/usr/bin/x").value()["verdict"]["outcome"] == "forbidden");
  CHECK(asking.guard("d", "read", "/usr/bin/x").value()["verdict"]["outcome"] == "allowed");
  CHECK(asking.guard("e", "write", "/tmp/x").value()["verdict"]["rule"] == "of the run itself");
  CHECK(asking.guard("f", "write", "/tmp/../etc/x").value()["verdict"]["outcome"] == "forbidden");
  CHECK(asking.guard("g", "exec", "/usr/bin/true", R"(,"argv":["true"])").value()["verdict"]["outcome"] == "allowed");
  CHECK(asking.guard("h", "connect", "example.org:443").value()["verdict"]["outcome"] == "forbidden");
  CHECK(factsOf<ActionsAllowed>(asking.world).empty());
  asking.pass(std::chrono::seconds(1));
  const auto told = factsOf<ActionsAllowed>(asking.world);
  REQUIRE(told.size() == 1);
  CHECK(told[0].guard == sandbox::GuardKind::kAgent);
  CHECK(told[0].actions.size() == 4);
  CHECK(factsOf<ActionDenied>(asking.world).size() == 4);
  CHECK(asking.questions().empty());
}

TEST_CASE(
    "what the policy asks about is a question with the agent's words, and its answer is words with the person's") {
  Asking asking;
  CHECK_FALSE(
      asking.guard("a", "call", "deploy_site", R"(,"input_json":"{\"to\":\"prod\"}","words":"tests are \"green\"")"));
  REQUIRE(asking.questions().size() == 1);
  const auto& [id, question] = *asking.questions().begin();
  CHECK(question.what.guard == sandbox::GuardKind::kAgent);
  CHECK(question.what.action.action == policy::Action{policy::Operation::kCall, "deploy_site", {"{\"to\":\"prod\"}"}});
  CHECK(question.what.action.chainNote == "its agent, before it acts, and says: \"tests are 'green'\"");
  CHECK(question.what.rule.why == "reaches other people");
  Peering person(asking.world, 1000);
  person.write(pending(false));
  const auto item = person.read().value().pending();
  CHECK(item.action().operation() == v1::OPERATION_CALL);
  CHECK(item.chain_note() == *question.what.action.chainNote);
  v1::ClientPacket no = answerTo(id, v1::VERDICT_DENY);
  no.mutable_answer()->set_say("after the freeze");
  CHECK(person.read().value().has_done());
  CHECK(answered(asking.world, person, no).value().has_done());
  const Json verdict = Inside::read(asking.socket).value()["verdict"];
  CHECK(verdict["outcome"] == "denied");
  CHECK(verdict["say"] == "after the freeze");
  CHECK(verdict["rule"] == "tools.rule deploy*");
}

TEST_CASE("the same id has the same answer and asks nobody twice, while it waits, afterwards and after a restart") {
  Asking asking;
  CHECK_FALSE(asking.guard("a", "call", "deploy"));
  const UniqueFd other = asking.inside->connect();
  asking.say(other, "a", "call", "deploy");
  CHECK(asking.questions().size() == 1);
  CHECK(asking.questions().begin()->second.waiting.size() == 1);
  // From where it waits already it is said so.
  CHECK(asking.guard("a", "call", "deploy").value()["error"]["code"] == "busy");
  // For something else it is no id.
  CHECK(asking.guard("a", "call", "deploy_more").value()["error"]["code"] == "invalid");
  asking.answer(asking.questions().begin()->first, v1::VERDICT_ALLOW);
  CHECK(asking.outcome() == "allowed");
  CHECK(Inside::read(other).value()["verdict"]["outcome"] == "allowed");
  CHECK(asking.guard("a", "call", "deploy").value()["verdict"]["outcome"] == "allowed");
  asking.restart();
  asking.socket = asking.inside->connect();
  CHECK(asking.guard("a", "call", "deploy").value()["verdict"]["outcome"] == "allowed");
  CHECK(asking.questions().empty());
  CHECK_FALSE(asking.guard("b", "call", "deploy"));
  CHECK(asking.questions().size() == 1);
}

TEST_CASE("a question outlives the daemon when its agent asks again, and ends when nobody does") {
  Asking asking;
  CHECK_FALSE(asking.guard("a", "call", "deploy"));
  CHECK_FALSE(asking.guard("b", "call", "deploy_other"));
  asking.restart();
  CHECK(asking.questions().size() == 2);
  asking.socket = asking.inside->connect();
  CHECK_FALSE(asking.guard("a", "call", "deploy"));
  CHECK(asking.questions().size() == 2);
  asking.pass(std::chrono::seconds(6));
  REQUIRE(asking.questions().size() == 1);
  asking.answer(asking.questions().begin()->first, v1::VERDICT_ALLOW);
  CHECK(asking.outcome() == "allowed");
  CHECK(factsOf<ActionAnswered>(asking.world).at(0).outcome == Settled::kWithdrawn);
}

TEST_CASE("a question ends a moment after its connection has gone, and whoever is back in time still waits") {
  Asking asking;
  CHECK_FALSE(asking.guard("a", "call", "deploy"));
  asking.socket.reset();
  asking.inside->settle();
  asking.pass(std::chrono::seconds(3));
  CHECK(asking.questions().size() == 1);
  asking.socket = asking.inside->connect();
  CHECK_FALSE(asking.guard("a", "call", "deploy"));
  asking.pass(std::chrono::seconds(6));
  CHECK(asking.questions().size() == 1);
  asking.socket.reset();
  asking.inside->settle();
  asking.pass(std::chrono::seconds(6));
  CHECK(asking.questions().empty());
}

TEST_CASE("a freeze, the brake and an end settle what an agent asks as stopped, and what guards ask stays open") {
  Asking asking;
  CHECK_FALSE(asking.guard("a", "call", "deploy"));
  Peering person(asking.world, 1000);
  CHECK(durably(asking.world, person, freeze).value().has_done());
  CHECK(asking.outcome() == "stopped");
  CHECK(asking.questions().empty());
  Asking braking;
  CHECK_FALSE(braking.guard("a", "call", "deploy"));
  braking.inside->say(braking.socket, R"({"id":99,"stop":{"why":"wrong"}})");
  CHECK(Inside::read(braking.socket).value().contains("done"));
  CHECK(braking.outcome() == "stopped");
}

TEST_CASE("where nobody is there a question of an agent is answered with that") {
  Asking asking(true);
  CHECK(asking.guard("a", "call", "deploy").value()["verdict"]["outcome"] == "expired");
}

TEST_CASE("questions of an agent expire with the policy's patience, and too many are refused together") {
  Asking asking;
  for (std::size_t i = 0; i < kMaxOpenQuestionsPerRun + 3; ++i)
    CHECK_FALSE(asking.guard("a" + std::to_string(i), "call", "deploy" + std::to_string(i)));
  CHECK(asking.questions().size() == kMaxOpenQuestionsPerRun);
  asking.pass(std::chrono::seconds(1));
  for (int i = 0; i < 3; ++i) CHECK(asking.outcome() == "denied");
  const auto refused = factsOf<AsksRefused>(asking.world);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].count == 3);
  asking.pass(std::chrono::minutes(11));
  for (std::size_t i = 0; i < kMaxOpenQuestionsPerRun; ++i) CHECK(asking.outcome() == "expired");
  CHECK(asking.questions().empty());
}

TEST_CASE("a tool is called with other input when a person says so, and that input is one JSON object") {
  Asking asking;
  CHECK_FALSE(asking.guard("a", "call", "deploy", R"(,"input_json":"{\"to\":\"prod\"}")"));
  Peering person(asking.world, 1000);
  v1::ClientPacket rewrite = answerTo(asking.questions().begin()->first, v1::VERDICT_REWRITE);
  rewrite.mutable_answer()->mutable_rewrite()->set_content("[1]");
  CHECK(person.ask(rewrite).value().error().message().find("JSON object") != std::string::npos);
  rewrite.mutable_answer()->mutable_rewrite()->set_content("{\"to\":\"staging\"}");
  CHECK(answered(asking.world, person, rewrite).value().has_done());
  const Json verdict = Inside::read(asking.socket).value()["verdict"];
  CHECK(verdict["allowed"] == true);
  CHECK(verdict["outcome"] == "rewritten");
  CHECK(verdict["input_json"] == "{\"to\":\"staging\"}");
}

TEST_CASE("while the log cannot be written nothing is answered, and the agent may ask again") {
  Asking asking;
  asking.world.store.failing = true;
  asking.inside->say(asking.socket, R"({"id":2,"stop":{"why":"x"}})");
  CHECK(Inside::read(asking.socket).value().contains("done"));
  asking.world.daemon->storeReady();
  asking.inside->say(asking.socket, R"({"id":3,"guard":{"id":"a","op":"call","target":"search"}})");
  CHECK(Inside::read(asking.socket).value()["error"]["code"] == "unavailable");
}

TEST_CASE(
    "what an agent asks a thousand times is one entry of the log, and different things are as many as there is room") {
  Asking asking;
  for (int i = 0; i < 300; ++i) {
    CHECK(asking.guard("s" + std::to_string(i), "call", "search"));
    asking.world.clock.advance(std::chrono::milliseconds(3));
  }
  asking.pass(std::chrono::seconds(1));
  std::uint64_t count = 0;
  for (const auto& fact : factsOf<ActionsAllowed>(asking.world)) {
    CHECK(fact.actions.size() == 1);
    count += fact.actions[0].count;
  }
  CHECK(count == 300);
}

TEST_CASE("the number of an ask is of its id and of what it is about, and fits a reader of JSON") {
  const api::AgentGuard guard{"a", {policy::Operation::kCall, "deploy", {"{}"}}, "words"};
  api::AgentGuard other = guard;
  other.words = "other words";
  CHECK(askNumber(other) == askNumber(guard));
  other.id = "b";
  CHECK(askNumber(other) != askNumber(guard));
  other = guard;
  other.action.argv = {"{ }"};
  CHECK(askNumber(other) != askNumber(guard));
  CHECK(askNumber(guard) < std::uint64_t{1} << 53);
}
