// Guards that say too much, or what nobody can read: bounded, counted, and without harm to others.
#include "tests/supervisor/guarded_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

TEST_CASE("a guard that sends what cannot be read, or too much, is not heard any more, and that is a fact") {
  for (const std::string what : {"garbage", "nothing", "bounds", "kind", "descriptor"}) {
    CAPTURE(what);
    World world;
    Peering client(world, 1000);
    std::optional<Guard> guard;
    (void)launchGuarded(world, client, guard);
    guard->ask(1, "/d");
    if (what == "garbage") {
      REQUIRE(sendPacket(guard->end.get(), "garbage"));
    } else if (what == "nothing") {
      REQUIRE(::send(guard->end.get(), "", 0, MSG_NOSIGNAL) == 0);
    } else if (what == "bounds") {
      sandbox::Ask ask;
      ask.action.action.target = "/" + std::string(sandbox::kMaxGuardText, 'x');
      REQUIRE(sendPacket(guard->end.get(), sandbox::encodeBounded(sandbox::GuardEvent(ask)).value()));
    } else if (what == "kind") {
      REQUIRE(sendPacket(
          guard->end.get(),
          sandbox::encodeBounded(sandbox::GuardEvent(sandbox::GuardHello{.kind = GuardKind::kEgress})).value()));
    } else {
      const int fd = 0;
      REQUIRE(sendPacket(guard->end.get(),
                         sandbox::encodeBounded(sandbox::GuardEvent(sandbox::ActionsWaiting{})).value(), {&fd, 1}));
    }
    guard->hear();
    REQUIRE(factsOf<GuardLost>(world).size() == 1);
    CHECK(world.daemon->mediation().sockets().empty());
    CHECK_FALSE(world.said.empty());
    CHECK(world.daemon->state().questions.size() == 1);  // The guard that takes its place asks again.
  }
}

TEST_CASE("a flood of asks is refused together, and then the run is frozen") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  for (unsigned i = 1; i <= 10 + kMaxRefusedAsks + 1; ++i) guard->ask(i, "/d/" + std::to_string(i));
  CHECK(factsOf<ActionAsked>(world).size() == 10);
  CHECK(factsOf<AsksRefused>(world).empty());
  world.clock.advance(kOverflowDelay);
  world.daemon->wake();
  guard->settle();
  REQUIRE(factsOf<AsksRefused>(world).size() == 1);
  CHECK(factsOf<AsksRefused>(world)[0].count == kMaxRefusedAsks + 1);
  std::size_t denied = 0;
  while (auto answer = guard->next<sandbox::Answer>()) denied += answer->outcome == sandbox::Outcome::kDenied ? 1 : 0;
  CHECK(denied == kMaxRefusedAsks + 1);
  CHECK(world.group(run, "cgroup.freeze") == "1");
}

TEST_CASE("where nobody is there each ask is refused without a wait, until the records of its guard have no room") {
  World world;
  Peering client(world, 1000);
  client.unattended = true;
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  std::uint64_t asked = 0;
  const std::string folder = "/d/" + std::string(sandbox::kMaxGuardText / 2, 'x') + "/";
  // One at a time, as a program does that goes on: is it answered before time has passed?
  const auto isRefused = [&] {
    ++asked;
    guard->ask(asked, folder + std::to_string(asked));
    world.daemon->wake();
    guard->settle();
    const auto answer = guard->next<sandbox::Answer>();
    CHECK((!answer || answer->outcome == sandbox::Outcome::kExpired));
    return answer.has_value();
  };
  const std::size_t room = kMaxRecordBurst.count / (sandbox::kMaxGuardText / 2);
  while (asked < 2 * room && isRefused()) {}
  CHECK(asked > room / 2);
  CHECK(asked <= room + kMaxOpenQuestionsPerRun + 1);
  // What comes from then on is refused together, as one fact.
  const std::size_t facts = factsOf<AsksRefused>(world).size();
  for (int i = 0; i < 20; ++i) CHECK_FALSE(isRefused());
  CHECK(factsOf<AsksRefused>(world).size() == facts);
  world.clock.advance(kOverflowDelay);
  world.daemon->wake();
  guard->settle();
  REQUIRE(factsOf<AsksRefused>(world).size() == facts + 1);
  CHECK(factsOf<AsksRefused>(world).back().count == 21);
  CHECK(world.group(run, "cgroup.freeze") != "1");
}

TEST_CASE("a guard that floods the log with records gets a bounded part of it, and the rest is a number") {
  World world;
  Peering client(world, 1000), bystander(world, 1000);
  std::optional<Guard> flooding, honest;
  const RunId run = launchGuarded(world, client, flooding);
  const RunId other = launchGuarded(world, bystander, honest);
  sandbox::Record record;
  record.action.action = {policy::Operation::kWrite, "/" + std::string(sandbox::kMaxGuardText - 1, 'x'), {}};
  constexpr std::uint64_t kTold = 3000;
  for (std::uint64_t i = 0; i < kTold; ++i) flooding->say(record);
  const std::size_t written = factsOf<ActionDenied>(world).size();
  CHECK(written <= kMaxRecordBurst.count / sandbox::kMaxGuardText);
  CHECK(written >= kMaxRecordBurst.count / sandbox::kMaxGuardText / 2);
  CHECK(factsOf<RecordsNotWritten>(world).empty());
  // Others are heard as ever, and so is what is counted together.
  honest->say(record);
  CHECK(factsOf<ActionDenied>(world).size() == written + 1);
  sandbox::AllowedAction allowed;
  allowed.action.action = {policy::Operation::kWrite, "/w/a", {}};
  for (int i = 0; i < 100; ++i) (void)flooding->ring->put(sandbox::encodeEntry(allowed));
  flooding->say(sandbox::ActionsWaiting{});
  world.clock.advance(kOmittedDelay);
  world.daemon->wake();
  REQUIRE(factsOf<ActionsAllowed>(world).size() == 1);
  CHECK(factsOf<ActionsAllowed>(world)[0].actions.at(0).count == 100);
  REQUIRE(factsOf<RecordsNotWritten>(world).size() == 1);
  CHECK(factsOf<RecordsNotWritten>(world)[0] == RecordsNotWritten{GuardKind::kWarden, kTold - written});
  // What was earned meanwhile is all that comes in again; what is over is told at the end of the run at the latest.
  const std::size_t earned = kMaxRecordsPerSecond.count * 10 / sandbox::kMaxGuardText;
  for (std::uint64_t i = 0; i < kTold; ++i) flooding->say(record);
  const std::size_t more = factsOf<ActionDenied>(world).size() - written - 1;
  CHECK(more <= earned);
  CHECK(more >= earned / 2);
  world.launcherSays(sandbox::Ended{.run = run});
  REQUIRE(factsOf<RecordsNotWritten>(world).size() == 2);
  CHECK(factsOf<RecordsNotWritten>(world)[1].count == kTold - more);
  CHECK_FALSE(other == run);
}

TEST_CASE("an agent that asks and takes it back, again and again, fills the log no faster than records do") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  (void)launchGuarded(world, client, guard);
  const std::string folder = "/d/" + std::string(sandbox::kMaxGuardText / 2, 'x') + "/";
  constexpr std::size_t kRoom = kMaxRecordBurst.count / (sandbox::kMaxGuardText / 2);
  const State& state = world.daemon->state();
  std::uint64_t asked = 0;
  while (asked < 2 * kRoom && state.lastQuestion == asked) {
    ++asked;
    guard->ask(asked, folder + std::to_string(asked));
    guard->say(sandbox::Withdraw{asked, "its process is gone"});
    guard->hear();
  }
  CHECK(asked > kRoom / 2);
  CHECK(asked <= kRoom);
  // The last one waits where it is.
  REQUIRE(world.daemon->nextWake());
  CHECK(*world.daemon->nextWake() > world.clock.now().boottime);
  CHECK(state.lastQuestion == asked - 1);
  SECTION("it is heard when there is room again") {
    world.clock.advance(std::chrono::seconds(1));
    world.daemon->wake();
    guard->hear();
    CHECK(state.lastQuestion == asked);
    CHECK(state.questions.empty());
    CHECK(factsOf<AsksRefused>(world).empty());
  }
  SECTION("it is refused when its run is being stopped, and nobody waits for room any more") {
    Peering other(world, 1000);
    other.act([](v1::ClientPacket& packet) { packet.mutable_stop()->set_run("coder"); });
    world.clock.advance(std::chrono::seconds(1));
    for (int i = 0; i < 5; ++i) {
      world.daemon->wake();
      guard->hear();
    }
    CHECK(state.lastQuestion == asked - 1);
    CHECK((!world.daemon->nextWake() || *world.daemon->nextWake() > world.clock.now().boottime));
  }
}

TEST_CASE("a record that a guard waits for is written later when there are too many, and never left out") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  (void)launchGuarded(world, client, guard, GuardKind::kEgress);
  sandbox::Record record;
  record.kind = sandbox::RecordKind::kLeavesDevice;
  record.action.action = {policy::Operation::kConnect, std::string(sandbox::kMaxGuardText, 'x'), {}};
  std::size_t confirmed = 0;
  const auto hearConfirmed = [&] {
    guard->settle();
    while (guard->next<sandbox::Recorded>()) ++confirmed;
  };
  std::size_t told = 0;
  const auto tell = [&] {
    record.ticket = ++told;
    guard->say(record);
    hearConfirmed();
  };
  while (confirmed == told && told < 3000) tell();
  REQUIRE(confirmed + 1 == told);
  // No more than its pair holds: an honest guard would wait here.
  for (int i = 0; i < 10; ++i) tell();
  CHECK(confirmed == told - 11);
  CHECK(confirmed == factsOf<ConnectionOpened>(world).size());
  REQUIRE(world.daemon->mediation().nextWake());
  for (int i = 0; i < 100 && confirmed < told; ++i) {
    world.clock.advance(std::chrono::seconds(1));
    world.daemon->wake();
    guard->hear();
    hearConfirmed();
  }
  CHECK(confirmed == told);
  CHECK(factsOf<RecordsNotWritten>(world).empty());
}
