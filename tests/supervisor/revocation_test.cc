// When whoever takes back a grant is answered: a real pair for each guard, the daemon inside the test.
#include "supervisor/requests.h"
#include "tests/supervisor/guarded_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

namespace {

v1::ClientPacket revokeFirst() {
  v1::ClientPacket packet;
  packet.mutable_revoke_grant()->set_id(1);
  return packet;
}

// A run that was granted something for its whole project, and goes by it.
struct Granted {
  World world;
  Peering client{world, 1000};
  Peering other{world, 1000};
  std::optional<Guard> guard;
  RunId run;

  Granted() {
    run = launchGuarded(world, client, guard);
    guard->say(sandbox::GuardHello{.pid = 55});
    guard->ask(1, "/home/ada/Documents");
    (void)client.read();  // that it was asked
    CHECK(answered(world, other, answerTo(1, v1::VERDICT_ALLOW, v1::SCOPE_PROJECT)).value().has_done());
    take(*guard);
  }
  // Says that the last rules it was sent are in force.
  std::optional<sandbox::GuardRules> take(Guard& which) {
    std::optional<sandbox::GuardRules> last;
    while (auto rules = which.next<sandbox::GuardRules>()) last = std::move(rules);
    REQUIRE(last);
    which.say(sandbox::RulesInForce{last->generation, 0});
    return last;
  }
  void pass(Microseconds time) {
    clock().advance(time);
    world.daemon->wake();
  }
  ManualClock& clock() { return world.clock; }
};

}  // namespace

TEST_CASE("a revocation is answered when the guard says that the rules without the grant are in force") {
  Granted it;
  const std::uint64_t before = factsOf<RulesEnforced>(it.world).back().generation;
  it.other.write(revokeFirst());
  CHECK_FALSE(it.other.read());
  it.guard->say(sandbox::RulesInForce{before, 0});  // once more the old ones
  CHECK_FALSE(it.other.read());
  CHECK(it.take(*it.guard)->document.grants.empty());
  CHECK(it.other.read().value().has_done());
  it.pass(kRulesPatience);
  CHECK_FALSE(it.other.read());  // once
}

TEST_CASE("a revocation waits for the guards of every run that the grant was for") {
  Granted it;
  std::optional<Guard> second;
  Peering starter(it.world, 1000);
  (void)launchGuarded(it.world, starter, second, GuardKind::kEgress);
  it.other.write(revokeFirst());
  it.take(*it.guard);
  CHECK_FALSE(it.other.read());
  it.take(*second);
  CHECK(it.other.read().value().has_done());
}

TEST_CASE("a guard that has not taken the rules in time is named, and the grant is revoked all the same") {
  Granted it;
  it.other.write(revokeFirst());
  const auto wake = it.world.daemon->nextWake();
  CHECK(wake.value() <= it.clock().now().boottime + kRulesPatience);
  it.pass(kRulesPatience - Milliseconds(1));
  CHECK_FALSE(it.other.read());
  it.pass(Milliseconds(1));
  const auto late = it.other.read();
  REQUIRE(late.value().has_error());
  CHECK(late->error().exit_code() == 1);
  CHECK(late->error().message().find("grant 1 is revoked, but") != std::string::npos);
  CHECK(late->error().message().find("the warden of " + it.run.text()) != std::string::npos);
  CHECK(late->error().json() ==
        R"({"id":1,"verb":"revoke","revoked":true,"not_taken":[{"run":")" + it.run.text() + R"(","guard":"warden"}]})");
  CHECK(factsOf<GrantRevoked>(it.world).size() == 1);
  CHECK(it.guard->next<sandbox::GuardRules>()->document.grants.empty());
}

TEST_CASE("where no guard is there a revocation is answered at once, and at the end of the run that it waits for") {
  Granted it;
  it.other.write(revokeFirst());
  CHECK_FALSE(it.other.read());
  it.world.launcherSays(sandbox::Ended{.run = it.run});
  CHECK(it.other.read().value().has_done());
  Peering third(it.world, 1000);
  const auto again = third.ask(revokeFirst());
  CHECK(again.value().error().code() == "not-found");

  Granted unguarded;
  unguarded.world.launcherSays(sandbox::Ended{.run = unguarded.run});
  CHECK(answered(unguarded.world, unguarded.other, revokeFirst()).value().has_done());
}

TEST_CASE("a revocation that the next daemon would not know of is not told as done") {
  Granted it;
  it.world.launcherSays(sandbox::Ended{.run = it.run});
  CHECK_FALSE(it.other.ask(revokeFirst()));
  it.pass(10 * kRulesPatience);
  CHECK_FALSE(it.other.read());
  CHECK_FALSE(it.world.daemon->nextWake() == it.clock().now().boottime);  // The disk wakes it, not the clock.
  it.world.daemon->storeReady();
  CHECK(it.other.read().value().has_done());
}

TEST_CASE("a revocation that cannot be recorded says that the grant may come back") {
  Granted it;
  it.world.launcherSays(sandbox::Ended{.run = it.run});
  it.world.store.failing = true;
  it.world.daemon->storeReady();
  const auto refused = it.other.ask(revokeFirst());
  CHECK(refused.value().error().message().find("grant 1 is revoked and no guard has it any more, but") == 0);
  CHECK(refused->error().message().find("no space left on device") != std::string::npos);
}

TEST_CASE("a guard that an earlier daemon heard and this one does not hear yet is waited for") {
  Granted it;
  State folded;
  for (const Fact& fact : it.world.store.queued) folded = evolve(std::move(folded), fact);
  it.world.launcher.guardFds.clear();
  it.world.start(folded, {{.run = it.run, .state = sandbox::KeptState::kRunning, .initPid = 100, .pid = 101}});
  Peering asker(it.world, 1000);
  CHECK_FALSE(asker.ask(revokeFirst()));
  it.pass(kRulesPatience);
  CHECK(asker.read().value().error().message().find("the warden of " + it.run.text()) != std::string::npos);
}

TEST_CASE("while the log cannot be written the rules leave all the same, and whoever revokes hears why no guard does") {
  Granted it;
  it.world.store.failing = true;
  it.world.daemon->storeReady();
  it.other.write(revokeFirst());
  CHECK(it.take(*it.guard)->document.grants.empty());
  CHECK_FALSE(it.other.read());
  it.pass(kRulesPatience);
  CHECK(it.other.read().value().error().message().find("no space left on device") != std::string::npos);
}

TEST_CASE("who revoked and left is not answered, and nothing is waited for") {
  Granted it;
  it.other.write(revokeFirst());
  it.world.daemon->remove(it.other.id);
  it.take(*it.guard);
  it.pass(kRulesPatience);
  CHECK(factsOf<GrantRevoked>(it.world).size() == 1);
}
