#include "supervisor/group_signs.h"

#include <catch2/catch_all.hpp>

namespace ringfence::supervisor {
namespace {

const LifeState kRuns = Running{.initPid = 1, .pid = 2};
const LifeState kHeld =
    Frozen{.initPid = 1, .pid = 2, .since = {}, .byUid = 0, .preemption = {}, .reason = {}, .itself = {}};

GroupSigns signs(std::optional<bool> isHeld) {
  return {.elsewhere = {}, .isHeld = isHeld, .isBranchHeld = false, .isLettingGo = false};
}

std::optional<GroupTrouble> judged(const LifeState& life, const GroupSigns& of) {
  const auto found = judgeGroups(life, of);
  return found ? std::optional(found->trouble) : std::nullopt;
}

GroupFinding finding(GroupTrouble trouble) { return {trouble, "why"}; }

}  // namespace

TEST_CASE("groups that do what the run's state says are no trouble") {
  CHECK_FALSE(judged(kRuns, signs(false)));
  CHECK_FALSE(judged(kHeld, signs(true)));
  CHECK_FALSE(judged(kRuns, signs(std::nullopt)));
  CHECK_FALSE(judged(kHeld, signs(std::nullopt)));
  GroupSigns branch = signs(false);
  branch.isBranchHeld = true;
  CHECK_FALSE(judged(kHeld, branch));
  GroupSigns lettingGo = signs(true);
  lettingGo.isLettingGo = true;
  CHECK_FALSE(judged(kRuns, lettingGo));
  CHECK_FALSE(judged(LifeState(Stopping{}), signs(true)));
}

TEST_CASE("groups that hold what runs, or let run what is held, are another program's doing") {
  CHECK(judged(kRuns, signs(true)) == GroupTrouble::kFrozen);
  CHECK(judged(kHeld, signs(false)) == GroupTrouble::kThawed);
}

TEST_CASE(
    "a process that is elsewhere is the trouble, whatever else there is, and its place is shown without control "
    "characters") {
  for (const LifeState& life : {kRuns, kHeld}) {
    GroupSigns moved = signs(false);
    moved.elsewhere = {7, "/a\x1b[2Jb"};
    const auto found = judgeGroups(life, moved);
    REQUIRE(found);
    CHECK(found->trouble == GroupTrouble::kMovedOut);
    CHECK(found->reason.find("process 7 is in /a\\x1b[2Jb") != std::string::npos);
  }
}

TEST_CASE("that a held run was let go is certain at once, each time") {
  GroupSuspicion suspicion;
  CHECK(suspicion.note(finding(GroupTrouble::kThawed), Microseconds(1)));
  CHECK_FALSE(suspicion.lookAgainAt());
  CHECK(suspicion.note(finding(GroupTrouble::kThawed), Microseconds(2)));
}

TEST_CASE("what may be a moment is certain when it is still there after 300 ms") {
  const auto trouble = GENERATE(GroupTrouble::kFrozen, GroupTrouble::kMovedOut);
  GroupSuspicion suspicion;
  CHECK_FALSE(suspicion.note(finding(trouble), Microseconds(1000)));
  REQUIRE(suspicion.lookAgainAt() == Microseconds(301'000));
  CHECK_FALSE(suspicion.note(finding(trouble), Microseconds(300'999)));
  CHECK(suspicion.lookAgainAt() == Microseconds(301'000));
  SECTION("it is") {
    CHECK(suspicion.note(finding(trouble), Microseconds(301'000)));
    CHECK_FALSE(suspicion.lookAgainAt());
    CHECK_FALSE(suspicion.note(finding(trouble), Microseconds(301'001)));
  }
  SECTION("it was over meanwhile") {
    CHECK_FALSE(suspicion.note(std::nullopt, Microseconds(300'999)));
    CHECK_FALSE(suspicion.lookAgainAt());
    CHECK_FALSE(suspicion.note(finding(trouble), Microseconds(400'000)));
  }
  SECTION("it is something else") {
    CHECK_FALSE(suspicion.note(GroupFinding{trouble, "another"}, Microseconds(400'000)));
    CHECK(suspicion.lookAgainAt() == Microseconds(700'000));
  }
}

}  // namespace ringfence::supervisor
