// Who is behind a connection that is asked about: the launcher finds it, no guard says it.
#include "tests/supervisor/guarded_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

TEST_CASE("a question about a connection shows whom the launcher found behind it, and nothing that the guard made up") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard, GuardKind::kEgress);
  Peering watcher(world, 1000);
  watcher.write(pending(true));
  guard->askToConnect(7, "example.org:443");
  REQUIRE(world.launcher.last<sandbox::FindOwner>() != nullptr);
  const sandbox::FindOwner search = *world.launcher.last<sandbox::FindOwner>();
  CHECK(search.run == run);
  CHECK(search.ends == "tcp 10.77.0.1:4321 to 127.0.0.1:9480");
  CHECK_FALSE(watcher.read());
  world.launcherSays(sandbox::OwnerFound{run, search.ticket + 1, {{9, "of another question"}}, {}});
  CHECK_FALSE(watcher.read());
  world.launcherSays(sandbox::OwnerFound{run, search.ticket, {{41, "curl"}, {7, "bash"}}, "held by others too"});
  const auto item = watcher.read();
  REQUIRE(item);
  REQUIRE(item->pending().chain_size() == 2);
  CHECK(item->pending().chain(0).name() == "curl");
  CHECK(item->pending().chain(1).pid() == 7);
  CHECK(item->pending().chain_note() == "held by others too");
  const auto asked = factsOf<ActionAsked>(world);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].action.chain == std::vector<sandbox::ProcessLink>{{41, "curl"}, {7, "bash"}});
  // Asked again after a guard or a daemon died it is the same question: nobody is looked for.
  const std::size_t sent = world.launcher.sent.size();
  guard->askToConnect(7, "example.org:443");
  CHECK(world.launcher.sent.size() == sent);
  // The next question is another connection.
  guard->askToConnect(8, "example.net:443");
  CHECK(world.launcher.last<sandbox::FindOwner>()->ticket != search.ticket);
  CHECK(factsOf<ActionAsked>(world).size() == 1);
}

TEST_CASE("what a guard says after a question waits with it, so that a question is withdrawn after it was asked") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard, GuardKind::kEgress);
  guard->askToConnect(7, "example.org:443");
  guard->say(sandbox::Withdraw{7, "the client is gone"});
  CHECK(factsOf<ActionAnswered>(world).empty());
  world.launcherSays(
      sandbox::OwnerFound{run, world.launcher.last<sandbox::FindOwner>()->ticket, {}, "not known: gone"});
  guard->hear();
  const auto asked = factsOf<ActionAsked>(world);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].action.chain.empty());
  CHECK(asked[0].action.chainNote == "not known: gone");
  const auto answered = factsOf<ActionAnswered>(world);
  REQUIRE(answered.size() == 1);
  CHECK(answered[0].outcome == Settled::kWithdrawn);
}

TEST_CASE("a question is asked without a chain, in words, when the launcher is away or does not answer in time") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  (void)launchGuarded(world, client, guard, GuardKind::kEgress);
  guard->askToConnect(7, "example.org:443");
  REQUIRE(world.daemon->mediation().nextWake());
  CHECK(factsOf<ActionAsked>(world).empty());
  world.clock.advance(kOwnerPatience);
  world.daemon->mediation().wake();
  auto asked = factsOf<ActionAsked>(world);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].action.chain.empty());
  CHECK(asked[0].action.chainNote == "not known: the launcher did not answer in time");
  world.launcher.gone = true;
  guard->askToConnect(8, "example.net:443");
  asked = factsOf<ActionAsked>(world);
  REQUIRE(asked.size() == 2);
  CHECK(asked[1].action.chain.empty());
  CHECK(asked[1].action.chainNote == "not known: the launcher, which would look, is not there at the moment");
}
