// Which private homes go, and that it is recorded before they do.
#include "supervisor/core/homes.h"

#include <catch2/catch_test_macros.hpp>

#include "core_world.h"

namespace ringfence::supervisor::test {
namespace {

constexpr std::chrono::hours kDay{24};
constexpr Microseconds kToday = std::chrono::hours(24 * 1000);

struct World : CoreWorld {
  World() { context.now.wall = kToday; }

  JudgedHome judged(const FoundHome& home, std::chrono::seconds unusedFor = kPruneAge,
                    const Peer& peer = kOwner) const {
    const auto all = judgeHomes(state, peer, {home}, unusedFor, context.now);
    REQUIRE(all.size() == 1);
    return all.front();
  }
};

FoundHome homeUsed(Microseconds ago, const std::string& policy = "coding", std::uint32_t uid = 1000) {
  return {.uid = uid, .directory = homeDirectoryName(policy), .policy = policy, .noted = kToday - ago, .bytes = 7};
}

TEST_CASE("a home goes when no run was started in it for the time that is asked for") {
  const World world;
  CHECK(world.judged(homeUsed(31 * kDay)).fate == HomeFate::kGoes);
  CHECK(world.judged(homeUsed(29 * kDay)).fate == HomeFate::kRecent);
  CHECK(world.judged(homeUsed(29 * kDay), 28 * kDay).fate == HomeFate::kGoes);
  CHECK(world.judged(homeUsed(Microseconds{}), std::chrono::seconds(0)).fate == HomeFate::kGoes);
  // A clock that was set back: in doubt it stays.
  CHECK(world.judged(homeUsed(-5 * kDay), std::chrono::seconds(0)).fate == HomeFate::kRecent);
}

TEST_CASE("a home that a live run uses stays, however old it looks, and says which run that is") {
  World world;
  const RunId run = world.runIn("frozen");
  const JudgedHome judged = world.judged(homeUsed(900 * kDay), std::chrono::seconds(0));
  CHECK(judged.fate == HomeFate::kInUse);
  CHECK(judged.why.find(run.text()) != std::string::npos);
  // Of another policy, and of another user.
  CHECK(world.judged(homeUsed(900 * kDay, "offline")).fate == HomeFate::kGoes);
  CHECK(world.judged(homeUsed(900 * kDay, "coding", 1001), kPruneAge, kRoot).fate == HomeFate::kGoes);
}

TEST_CASE("the end of a run is a use of its home, as far as the log goes back") {
  World world;
  (void)world.runIn("ended");
  CHECK(world.judged(homeUsed(900 * kDay)).fate == HomeFate::kRecent);
  CHECK(world.judged(homeUsed(900 * kDay), std::chrono::seconds(0)).fate == HomeFate::kGoes);
  // It is enough where nobody noted anything.
  FoundHome old{.uid = 1000, .directory = "coding"};
  CHECK(world.judged(old).fate == HomeFate::kRecent);
  CHECK(world.judged(old).policy == "coding");
}

TEST_CASE("where neither a note nor the log knows a home, the kernel's time counts, and only there") {
  const World world;
  FoundHome home{.uid = 1000, .directory = "coding"};
  home.changed = kToday - 40 * kDay;
  CHECK(world.judged(home).fate == HomeFate::kGoes);
  CHECK(world.judged(home).lastUsed == home.changed);
  home.changed = kToday - 1 * kDay;
  CHECK(world.judged(home).fate == HomeFate::kRecent);
  home.noted = kToday - 40 * kDay;
  CHECK(world.judged(home).fate == HomeFate::kGoes);
}

TEST_CASE("a home that cannot be removed stays and says why") {
  const World world;
  FoundHome home = homeUsed(40 * kDay);
  home.trouble = "something is mounted in it";
  CHECK(world.judged(home).fate == HomeFate::kStuck);
  CHECK(world.judged(home).why == home.trouble);
}

TEST_CASE("homes are their owner's and an administrator's, and nobody else sees them") {
  const World world;
  const std::vector<FoundHome> found{homeUsed(40 * kDay, "offline"), homeUsed(40 * kDay),
                                     homeUsed(40 * kDay, "coding", 1001)};
  const auto seen = [&](const Peer& peer) {
    return judgeHomes(world.state, peer, found, kPruneAge, world.context.now);
  };
  CHECK(seen(kViewer).empty());
  CHECK(seen(kStranger).size() == 1);
  CHECK(seen(kAdmin).size() == 3);
  CHECK(seen(kRoot).size() == 3);
  const auto own = seen(kOwner);
  REQUIRE(own.size() == 2);
  CHECK(own[0].policy == "coding");
  CHECK(own[1].policy == "offline");
}

TEST_CASE("each home that goes is a fact, and it goes when that is durable") {
  World world;
  (void)world.runIn("running");
  const std::vector<FoundHome> found{homeUsed(40 * kDay, "offline"), homeUsed(40 * kDay), homeUsed(1 * kDay, "new"),
                                     homeUsed(40 * kDay, "coding", 1001)};
  const auto decision = world.apply(PruneHomes{kOwner, kPruneAge, found});
  REQUIRE(decision);
  REQUIRE(decision->facts.size() == 1);
  CHECK(decision->facts[0].run.empty());
  CHECK(std::get<HomeRemoved>(decision->facts[0].body) == HomeRemoved{1000, "offline", 7, 1000});
  const auto removals = effectsOf<RemoveHome>(*decision);
  REQUIRE(removals.size() == 1);
  CHECK(removals[0].first == decision->facts[0].seq);
  CHECK(removals[0].second.uid == 1000);
  CHECK(removals[0].second.directory == "offline");
}

TEST_CASE("nothing is removed before the launcher has said what it keeps") {
  World world;
  REQUIRE(world.apply(LauncherGone{"gone"}));
  const auto refused = world.apply(PruneHomes{kRoot, kPruneAge, {homeUsed(40 * kDay)}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace ringfence::supervisor::test
