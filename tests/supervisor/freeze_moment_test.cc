// A person's freeze of a run whose agent asked for a moment of its own: when it comes, and what takes it back.
#include "supervisor/freeze_moment.h"

#include "tests/supervisor/inside_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;
using namespace ringfence::supervisor::inside_world;
using namespace std::chrono_literals;

namespace {

struct Trial {
  AgentClaims claims;
  Run run;
  Now now{1000s, 1000s, 1000s};

  explicit Trial(std::optional<std::uint64_t> grace = 5) {
    run.id = RunId::random();
    run.life = Running{};
    run.what.terms.emplace().bounds.emplace().preemptGraceSec = grace;
  }
  void pass(Microseconds time) { now = {now.wall + time, now.monotonic + time, now.boottime + time}; }
  std::optional<Milliseconds> grace() { return graceFor(claims, run, now.boottime); }
  Pausing asked() { return {run.id, {1000, "asked", static_cast<std::uint64_t>(grace().value().count())}, now}; }
  bool due(const Pausing& pausing) { return isDue(claims, run, pausing, now.boottime); }
};

// A run with a grace of five seconds, and a person at the control socket.
struct Graceful {
  World world;
  std::optional<Peering> client;
  std::optional<Inside> inside;

  Graceful() {
    world.dir.write("policies/coding.toml", std::string(kPolicy) + "[priority]\npreempt_grace = \"5s\"\n");
    client.emplace(world, 1000);
    inside.emplace(world, *client);
  }
  UniqueFd listening() const {
    UniqueFd socket = inside->connect();
    inside->say(socket, R"({"id":2,"listen":{"to":["pause","resume"]}})");
    CHECK(Inside::read(socket).value().contains("done"));
    return socket;
  }
  v1::ServerPacket durably(void (*fill)(v1::ClientPacket&)) {
    return daemon_world::durably(world, *client, fill).value();
  }
  void pass(Microseconds time) {
    world.clock.advance(time);
    world.daemon->wake();
    world.daemon->storeReady();
  }
  bool isFrozen() const { return world.group(inside->run, "agent/cgroup.freeze") == "1"; }
  v1::RunDetails details() {
    return client->act([](v1::ClientPacket& packet) { packet.mutable_show()->set_run("coder"); }).value().details();
  }
  std::vector<Fact> facts(std::string_view kind) const {
    std::vector<Fact> found;
    for (const Fact& fact : world.store.queued)
      if (factKind(fact.body) == kind) found.push_back(fact);
    return found;
  }
};

void resume(v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); }
void freezeAtOnce(v1::ClientPacket& packet) {
  packet.mutable_freeze()->set_run("coder");
  packet.mutable_freeze()->set_at_once(true);
}

}  // namespace

// ---- when it comes

TEST_CASE("a person's freeze comes at once where nobody asked for anything else, or the policy gives no grace") {
  Trial idle, graceless(std::nullopt);
  CHECK_FALSE(idle.grace());
  graceless.claims.hearPauses(graceless.run.id, 1);
  CHECK_FALSE(graceless.grace());
  idle.claims.hearPauses(idle.run.id, 1);
  CHECK(idle.grace() == 5s);
  idle.run.life = Frozen{};
  CHECK_FALSE(idle.grace());
}

TEST_CASE("a critical section puts a person's freeze off until it is over, and not beyond the grace") {
  Trial trial;
  CHECK(trial.claims.begin(trial.run.id, {60s}, 5s, trial.now) == 5s);
  trial.pass(1s);
  const Pausing pausing = trial.asked();
  CHECK(latestOf(pausing) == trial.now.boottime + 5s);
  CHECK(nextLook(trial.claims, pausing) == trial.now.boottime + 4s);
  CHECK_FALSE(trial.due(pausing));
  trial.pass(1s);
  (void)trial.claims.begin(trial.run.id, {0s}, 5s, trial.now);
  CHECK(trial.due(pausing));
}

TEST_CASE("a person's freeze does not wait for a critical section in which it would lose less than the wait") {
  Trial cheap, dear;
  CHECK(cheap.claims.begin(cheap.run.id, {5s, 2s}, 5s, cheap.now) == 5s);
  CHECK_FALSE(cheap.grace());
  CHECK(dear.claims.begin(dear.run.id, {5s, 1'000'000s}, 5s, dear.now) == 5s);
  CHECK(dear.grace() == 5s);  // As much as without a word of what would be lost.
  cheap.pass(3s);             // Now its end is nearer than what would be lost.
  CHECK(cheap.grace() == 5s);
  // Who asked to be told is told all the same.
  Trial told;
  told.claims.hearPauses(told.run.id, 1);
  CHECK(told.claims.begin(told.run.id, {5s, 0s}, 5s, told.now) == 5s);
  CHECK(told.grace() == 5s);
}

TEST_CASE("an agent that is told of pauses has until it is ready, and not beyond the grace") {
  Trial trial;
  trial.claims.hearPauses(trial.run.id, 1);
  trial.claims.ready(trial.run.id, trial.now);  // That was about an earlier one.
  trial.pass(1s);
  const Pausing pausing = trial.asked();
  CHECK_FALSE(trial.due(pausing));
  CHECK(nextLook(trial.claims, pausing) == latestOf(pausing));
  trial.pass(1s);
  trial.claims.safe(trial.run.id, {.at = trial.now.boottime}, 0s);
  CHECK(trial.due(pausing));

  Trial silent;
  silent.claims.hearPauses(silent.run.id, 1);
  const Pausing other = silent.asked();
  silent.pass(5s - 1us);
  CHECK_FALSE(silent.due(other));
  silent.pass(1us);
  CHECK(silent.due(other));
}

TEST_CASE("a run whose listeners are gone, or that something else holds meanwhile, is waited for no longer") {
  Trial trial;
  trial.claims.hearPauses(trial.run.id, 1);
  const Pausing pausing = trial.asked();
  trial.claims.hearPauses(trial.run.id, 0);
  CHECK(trial.due(pausing));
  trial.claims.hearPauses(trial.run.id, 1);
  CHECK_FALSE(trial.due(pausing));
  trial.run.life = Frozen{};
  CHECK(trial.due(pausing));
}

// ---- the daemon

TEST_CASE("a freeze that waits is answered at once, told to the agent and shown, and comes at the end of the grace") {
  Graceful trial;
  const UniqueFd socket = trial.listening();
  const v1::ServerPacket answer = trial.durably(freeze);
  REQUIRE(answer.done().pausing_size() == 1);
  CHECK(answer.done().runs(0) == answer.done().pausing(0));
  const Json pause = Inside::read(socket).value()["notice"]["pause"];
  CHECK(pause["within_ms"] == "5000");
  CHECK(pause["why"] == "a person pauses it");
  trial.pass(2s);
  CHECK(trial.details().state() == "running");
  CHECK(trial.details().pausing().by_uid() == 1000);
  CHECK(trial.details().pausing().within_ms() == 3000);
  trial.pass(3s - 1ms);
  CHECK_FALSE(trial.isFrozen());
  CHECK(trial.world.daemon->nextWake().value() <= trial.world.clock.now().boottime + 1ms);
  trial.pass(1ms);
  CHECK(trial.isFrozen());
  REQUIRE(trial.facts("run-frozen").size() == 1);
  CHECK(std::get<RunFrozen>(trial.facts("run-frozen")[0].body) == RunFrozen{1000, "asked"});
  CHECK(trial.details().state() == "frozen");
  CHECK_FALSE(trial.details().has_pausing());
}

TEST_CASE("a freeze that waits comes in the very turn in which the agent says that it is ready") {
  Graceful trial;
  const UniqueFd socket = trial.listening();
  CHECK(trial.durably(freeze).done().pausing_size() == 1);
  CHECK_FALSE(trial.isFrozen());
  trial.inside->say(socket, R"({"id":3,"ready":{}})");
  CHECK(trial.isFrozen());
}

TEST_CASE("a freeze that waits for a critical section comes when that is over") {
  Graceful trial;
  const UniqueFd socket = trial.inside->connect();
  trial.inside->say(socket, R"({"id":2,"critical_section":{"seconds":4}})");
  CHECK(Inside::read(socket).value()["granted"]["milliseconds"] == "4000");
  CHECK(trial.durably(freeze).done().pausing_size() == 1);
  trial.pass(1s);
  CHECK_FALSE(trial.isFrozen());
  trial.inside->say(socket, R"({"id":3,"critical_section":{"seconds":0}})");
  CHECK(trial.isFrozen());
}

TEST_CASE("a freeze that is asked for again, or for at once, waits for nobody") {
  for (const auto second : {freeze, freezeAtOnce}) {
    Graceful trial;
    const UniqueFd socket = trial.listening();
    CHECK(trial.durably(freeze).done().pausing_size() == 1);
    const v1::ServerPacket answer = trial.durably(second);
    CHECK(answer.done().pausing_size() == 0);
    CHECK(trial.isFrozen());
  }
  Graceful urgent;
  const UniqueFd socket = urgent.listening();
  CHECK(urgent.durably(freezeAtOnce).done().pausing_size() == 0);
  CHECK(urgent.isFrozen());
  CHECK(urgent.facts("run-pausing").empty());
}

TEST_CASE("a freeze that waits is taken back by a resume, of which the agent is told, and never comes") {
  Graceful trial;
  const UniqueFd socket = trial.listening();
  CHECK(trial.durably(freeze).done().pausing_size() == 1);
  (void)Inside::read(socket);
  CHECK(trial.durably(resume).has_done());
  const Json told = Inside::read(socket).value()["notice"]["resume"];
  CHECK(told["held_by"] == "person");
  CHECK(told["relief"] == "a person lets it go on");
  CHECK((!told.contains("held_ms") || told["held_ms"] == "0"));
  trial.pass(1h);
  CHECK_FALSE(trial.isFrozen());
  CHECK(trial.facts("run-frozen").empty());
  CHECK_FALSE(trial.details().has_pausing());
}

TEST_CASE("a daemon that died while a freeze waited has it done before it knows anything else") {
  Graceful trial;
  const UniqueFd socket = trial.listening();
  CHECK(trial.durably(freeze).done().pausing_size() == 1);
  CHECK_FALSE(trial.isFrozen());
  State state = decodeState(encodeState(trial.world.daemon->state())).value();
  sandbox::KeptRun kept{};
  kept.run = trial.inside->run;
  kept.state = sandbox::KeptState::kRunning;
  kept.initPid = 100;
  kept.pid = 101;
  trial.client.reset();
  trial.world.start(std::move(state), {kept});
  CHECK(trial.isFrozen());
  REQUIRE(trial.facts("run-frozen").size() == 1);
  CHECK(std::get<RunFrozen>(trial.facts("run-frozen")[0].body).byUid == 1000);
}
