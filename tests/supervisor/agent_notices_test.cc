// What agents are told unasked: of holds, and of what was not done as they wanted it.
#include "supervisor/agent_notices.h"

#include <sys/socket.h>

#include "tests/supervisor/inside_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;
using namespace ringfence::supervisor::inside_world;
using namespace std::chrono_literals;

namespace {

constexpr char kListen[] = R"({"id":2,"listen":{"to":["pause","resume","override"]}})";

UniqueFd listening(const Inside& inside, std::string_view packet = kListen) {
  UniqueFd socket = inside.connect();
  inside.say(socket, packet);
  CHECK(Inside::read(socket).value().contains("done"));
  return socket;
}

sandbox::GuardedAction wanted() {
  sandbox::GuardedAction action;
  action.action = {policy::Operation::kExec, "/usr/bin/git", {"git", "push"}};
  return action;
}

sandbox::GuardRule rule() {
  sandbox::GuardRule one;
  one.text = "exec.rule git push";
  one.why = "publishes to other people";
  one.origin.file = "/etc/p.toml";
  one.origin.line = 7;
  return one;
}

struct Notices {
  ManualClock clock{{Microseconds{1'000'000'000}, Microseconds{1'000'000}, Microseconds{1'000'000}}};
  AgentClaims claims;
  std::set<std::uint64_t> gone;
  std::vector<std::pair<std::uint64_t, api::AgentNotice>> told;
  AgentNotices notices{{.clock = clock,
                        .claims = claims,
                        .isConnected = [this](std::uint64_t connection) { return !gone.contains(connection); },
                        .tell = [this](std::uint64_t connection,
                                       const api::AgentNotice& what) { told.emplace_back(connection, what); }}};
  RunId run = RunId::random();

  void publish(FactBody body) {
    notices.published(Fact{.seq = 1, .run = run, .at = clock.now(), .bootId = "b", .body = std::move(body)});
  }
};

}  // namespace

TEST_CASE("who listens reads after a person's hold how long it was and why, and who does not listen reads nothing") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = listening(inside), deaf = inside.connect();
  CHECK(durably(world, client, freeze).value().has_done());
  CHECK(world.group(inside.run, "agent/cgroup.freeze") == "1");
  CHECK_FALSE(Inside::read(socket));  // Nobody would read it now.
  world.clock.advance(90s);
  CHECK(durably(world, client, [](v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); })
            .value()
            .has_done());
  const Json packet = Inside::read(socket).value();
  CHECK(packet["id"] == "0");
  const Json resume = packet["notice"]["resume"];
  CHECK(resume["held_ms"] == "90000");
  CHECK(resume["held_by"] == "person");
  CHECK(resume["relief"] == "");
  CHECK_FALSE(Inside::read(deaf));
}

TEST_CASE("the last word about what a connection listens for counts, and an unknown one is invalid") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = listening(inside);
  inside.say(socket, R"({"id":3,"listen":{}})");
  CHECK(Inside::read(socket).value().contains("done"));
  CHECK(durably(world, client, freeze).value().has_done());
  CHECK(durably(world, client, [](v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); })
            .value()
            .has_done());
  CHECK_FALSE(Inside::read(socket));
  inside.say(socket, R"({"id":4,"listen":{"to":["everything"]}})");
  CHECK(Inside::read(socket).value()["error"]["code"] == "invalid");
}

TEST_CASE("a pause is told to those who listen for it, and taken back to them") {
  Notices trial;
  trial.notices.listen(trial.run, 1, {.pause = true});
  trial.notices.listen(trial.run, 2, {.resume = true});
  trial.notices.listen(RunId::random(), 3, {.pause = true});
  CHECK(trial.claims.hearsPauses(trial.run));
  trial.notices.announce(trial.run, Announcer::kGovernor, 5s, "its time is over", "wall_time");
  REQUIRE(trial.told.size() == 1);
  CHECK(trial.told[0].first == 1);
  const auto& pause = std::get<api::AgentPause>(trial.told[0].second);
  CHECK(pause.within == Milliseconds{5000});
  CHECK(pause.why == "its time is over");
  CHECK(pause.limit == "wall_time");
  CHECK(trial.claims.isAnnounced(trial.run));
  trial.notices.withdraw(trial.run, Announcer::kGovernor, "it is over");
  CHECK_FALSE(trial.claims.isAnnounced(trial.run));
  REQUIRE(trial.told.size() == 3);
  CHECK(std::get<api::AgentResume>(trial.told[1].second).held == Milliseconds{0});
  trial.gone = {1};
  trial.notices.lookAtConnections();
  CHECK_FALSE(trial.claims.hearsPauses(trial.run));
}

TEST_CASE("a pause that is taken back while somebody else's is still to come is not told to be over") {
  Notices trial;
  trial.notices.listen(trial.run, 1, {.pause = true});
  trial.publish(RunPausing{1000, "asked", 5000});
  trial.notices.announce(trial.run, Announcer::kGovernor, 5s, "memory", "");
  REQUIRE(trial.told.size() == 2);
  CHECK(std::get<api::AgentPause>(trial.told[0].second).within == Milliseconds{5000});
  trial.publish(RunResumed{1000, {}});
  CHECK(trial.told.size() == 2);
  trial.notices.withdraw(trial.run, Announcer::kGovernor, "it is over");
  REQUIRE(trial.told.size() == 3);
  CHECK(std::get<api::AgentResume>(trial.told[2].second).heldBy == "governor");
}

TEST_CASE("a hold that changes hands is told as one, by its last holder, from its beginning") {
  Notices trial;
  trial.notices.listen(trial.run, 1, {.resume = true});
  trial.notices.announce(trial.run, Announcer::kGovernor, 5s, "memory", "");
  trial.publish(RunFrozen{0, "memory", Preemption{PreemptCause::kMemory, {}}, {}});
  CHECK_FALSE(trial.claims.isAnnounced(trial.run));
  trial.clock.advance(3s);
  trial.publish(RunFrozen{0, "emergency stop: key", {}, SelfHeld::kEmergencyStop});
  trial.clock.advance(4s);
  trial.publish(RunResumed{1000, {}});
  REQUIRE(trial.told.size() == 1);
  const auto& resume = std::get<api::AgentResume>(trial.told[0].second);
  CHECK(resume.held == Milliseconds{7000});
  CHECK(resume.heldBy == "emergency-stop");
  CHECK(resume.why == "emergency stop: key");
  trial.publish(RunResumed{1000, {}});  // It was not held.
  CHECK(trial.told.size() == 1);
}

TEST_CASE("what a rule denied or rewrote is told with the rule and what was done in place of it") {
  ActionRecord record;
  record.action = wanted();
  record.rule = rule();
  record.count = 3;
  const auto denied = overrideIn(ActionDenied{record}, nullptr).value();
  CHECK(denied.outcome == api::AgentVerdict::Outcome::kForbidden);
  CHECK(denied.operation == policy::Operation::kExec);
  CHECK(denied.target == "/usr/bin/git");
  CHECK(denied.by == "rule");
  CHECK(denied.say == "publishes to other people");
  CHECK(denied.fileLine == "/etc/p.toml:7");
  CHECK(denied.count == 3);
  ActionRewritten rewritten{record, {}};
  rewritten.rewrite.argv = {"git", "push", "--dry-run"};
  const auto instead = overrideIn(rewritten, nullptr).value();
  CHECK(instead.outcome == api::AgentVerdict::Outcome::kRewritten);
  CHECK(instead.argv == std::vector<std::string>{"git", "push", "--dry-run"});
  CHECK_FALSE(overrideIn(ConnectionOpened{record}, nullptr));
  CHECK_FALSE(overrideIn(RunResumed{}, nullptr));
}

TEST_CASE("a person's answer is told with the question that it settles, once, and a yes is not") {
  Notices trial;
  trial.notices.listen(trial.run, 1, {.overrides = true});
  ActionAsked asked;
  asked.id = 7;
  asked.action = wanted();
  asked.rule = rule();
  trial.publish(asked);
  trial.publish(ActionAnswered{7, Settled::kDenied, 1000, GrantScope::kOnce, "not on Friday", {}});
  REQUIRE(trial.told.size() == 1);
  const auto& told = std::get<api::AgentOverride>(trial.told[0].second);
  CHECK(told.by == "person");
  CHECK(told.say == "not on Friday");
  CHECK(told.target == "/usr/bin/git");
  trial.publish(ActionAnswered{7, Settled::kDenied, 1000, GrantScope::kOnce, "again", {}});
  CHECK(trial.told.size() == 1);
  asked.id = 8;
  trial.publish(asked);
  trial.publish(ActionAnswered{8, Settled::kAllowed, 1000, GrantScope::kOnce, "", {}});
  CHECK(trial.told.size() == 1);
  asked.id = 9;
  trial.publish(asked);
  trial.publish(ActionAnswered{9, Settled::kExpired, {}, GrantScope::kOnce, "", {}});
  REQUIRE(trial.told.size() == 2);
  CHECK(std::get<api::AgentOverride>(trial.told[1].second).by == "nobody");
}

TEST_CASE("who does not read misses the oldest notices and is told how many, and its answers still come") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = listening(inside);
  const int rounds = 2000;
  for (int i = 0; i < rounds; ++i) {
    CHECK(durably(world, client, freeze).value().has_done());
    CHECK(durably(world, client, [](v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); })
              .value()
              .has_done());
  }
  std::uint64_t read = 0, missed = 0;
  for (int turn = 0; turn < rounds && read + missed < static_cast<std::uint64_t>(rounds); ++turn) {
    while (const auto packet = Inside::read(socket)) {
      ++read;
      missed += std::stoull((*packet)["notice"]["missed"].get<std::string>());
    }
    inside.settle();
  }
  CHECK(read + missed == static_cast<std::uint64_t>(rounds));
  CHECK(missed > 0);
  inside.say(socket, R"({"id":9,"whoami":{}})");
  CHECK(Inside::read(socket).value()["whoami"]["run"] == inside.run.text());
}
