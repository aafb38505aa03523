#include "sandbox/egress/hold.h"

#include <catch2/catch_test_macros.hpp>

#include "sandbox/egress/activity.h"
#include "sandbox/egress/spool.h"

namespace ringfence::sandbox {
namespace {

std::string takeAll(Spool& spool, std::size_t atOnce) {
  std::string all;
  while (!spool.empty()) {
    const std::string_view next = spool.front().substr(0, atOnce);
    all += next;
    spool.consume(next.size());
  }
  return all;
}

std::string counted(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) text += std::to_string(i) + ",";
  text.resize(bytes);
  return text;
}

}  // namespace

TEST_CASE("a spool gives back what it took, in order, however it is taken and given") {
  for (const std::size_t piece : {1, 7, 16384, 100000}) {
    for (const std::size_t atOnce : {1, 5, 16384, 1000000}) {
      SpoolPool pool;
      Spool spool(pool);
      const std::string all = counted(100'000);
      std::string taken;
      for (std::size_t at = 0; at < all.size(); at += piece) {
        spool.append(std::string_view(all).substr(at, piece));
        if (at % 3 != 0) continue;
        const std::string_view next = spool.front().substr(0, atOnce);
        taken += next;
        spool.consume(next.size());
      }
      CHECK(spool.size() == all.size() - taken.size());
      CHECK(pool.used == spool.size());
      taken += takeAll(spool, atOnce);
      CHECK(taken == all);
      CHECK(pool.used == 0);
      CHECK(spool.front().empty());
    }
  }
}

TEST_CASE("a spool has room for its own bound and for what the others of its run leave") {
  SpoolPool pool;
  const std::string most(kMostSpooled, 'x');
  {
    Spool first(pool), second(pool), third(pool), fourth(pool), fifth(pool);
    CHECK(first.room() == kMostSpooled);
    first.append(most);
    CHECK(first.room() == 0);
    for (Spool* spool : {&second, &third, &fourth}) spool->append(most);
    CHECK(fifth.room() == 0);
    first.consume(10);
    CHECK(fifth.room() == 10);
    first.append("what must not be left out is taken all the same");
    CHECK(fifth.room() == 0);
    Spool moved(std::move(first));
    CHECK(first.empty());
    CHECK(moved.size() > kMostSpooled);
  }
  CHECK(pool.used == 0);
}

TEST_CASE("a hold is told a minute after it, once, with what became of its connections") {
  HoldWatch watch;
  CHECK_FALSE(watch.begin(1'000));
  CHECK(watch.isHeld());
  watch.opened();
  watch.opened();
  watch.opened();
  watch.full();
  watch.closed();
  CHECK_FALSE(watch.reportAt());
  CHECK(watch.end(5'000, 77) == 4'000);
  CHECK(watch.isWatching());
  watch.broke();
  CHECK_FALSE(watch.take(64'999));
  CHECK(watch.reportAt() == 65'000);
  CHECK(watch.take(65'000) == HoldReport{4'000, 3, 1, 1, 1, 77});
  CHECK_FALSE(watch.isWatching());
  CHECK_FALSE(watch.take(70'000));
}

TEST_CASE("a hold that is followed by another is told when that begins, and one without connections is not told") {
  HoldWatch watch;
  (void)watch.begin(0);
  watch.opened();
  (void)watch.end(10, 0);
  CHECK(watch.begin(20) == HoldReport{.heldMs = 10, .connections = 1});
  (void)watch.end(30, 0);
  CHECK_FALSE(watch.reportAt());
  CHECK_FALSE(watch.takeRest());
}

TEST_CASE("deferred calls go on when they are let, when their patience ends, and when too many wait") {
  Deferral deferral;
  CHECK_FALSE(deferral.isOn(0));
  deferral.begin(0);
  CHECK(deferral.isOn(0));
  CHECK(deferral.add(1, 0).empty());
  CHECK(deferral.add(2, 1'000).empty());
  CHECK(deferral.dueAt() == kDeferPatienceMs);
  CHECK(deferral.takeDue(kDeferPatienceMs - 1).empty());
  CHECK(deferral.takeDue(kDeferPatienceMs) == Deferral::Ids{1});
  for (std::uint64_t id = 3; id < 2 + kMostDeferred; ++id) CHECK(deferral.add(id, 2'000).empty());
  CHECK(deferral.add(1'000, 2'000) == Deferral::Ids{2});
  CHECK(deferral.end().size() == kMostDeferred);
  CHECK_FALSE(deferral.isOn(3'000));
  CHECK_FALSE(deferral.dueAt());
}

TEST_CASE("a deferral that nobody lifts ends by itself") {
  Deferral deferral;
  deferral.begin(0);
  CHECK(deferral.add(1, kLongestDeferralMs - 1).empty());
  CHECK_FALSE(deferral.isOn(kLongestDeferralMs));
  CHECK(deferral.takeDue(kLongestDeferralMs) == Deferral::Ids{1});
}

TEST_CASE("a connection waits after a question, streams with the first byte of an answer, and is quiet after a while") {
  Call call;
  CHECK(call.stateAt(0) == NetworkState::kQuiet);
  CHECK(call.note(500, 0, 0, 10));
  CHECK(call.stateAt(600'000) == NetworkState::kWaiting);
  CHECK_FALSE(call.quietAt());
  CHECK(call.note(500, 1, 0, 20));
  CHECK(call.stateAt(20) == NetworkState::kStreaming);
  CHECK(call.note(535, 900, 0, 1'000));  // An acknowledgement goes up meanwhile.
  CHECK(call.quietAt() == 1'000 + kAnswerOverMs);
  CHECK(call.stateAt(999 + kAnswerOverMs) == NetworkState::kStreaming);
  CHECK(call.stateAt(1'000 + kAnswerOverMs) == NetworkState::kQuiet);
  CHECK(call.note(570, 935, 0, 60'000));  // A ping and its answer.
  CHECK(call.stateAt(60'000) == NetworkState::kQuiet);
  CHECK_FALSE(call.note(570, 935, 0, 60'001));
}

TEST_CASE("an answer that was kept for a run and is not handed on yet still comes") {
  Call call;
  (void)call.note(500, 0, 0, 0);
  (void)call.note(500, 5'000, 4'000, 10);
  CHECK(call.stateAt(3'600'000) == NetworkState::kStreaming);
  CHECK_FALSE(call.quietAt());
  CHECK(call.note(500, 5'000, 0, 3'600'000));
  CHECK(call.stateAt(3'600'000) == NetworkState::kQuiet);
}

TEST_CASE("a run is told when it changes, at most once a second, and each end of a turn once") {
  RunActivity activity;
  Call call;
  const auto look = [&](std::int64_t now) {
    activity.begin();
    activity.add(call, now);
    return activity.finish(now);
  };
  CHECK_FALSE(look(0));
  (void)call.note(500, 0, 0, 100);
  CHECK(look(100) == NetworkActivity{NetworkState::kWaiting, 0, 0});
  (void)call.note(500, 500, 0, 200);
  CHECK_FALSE(look(200));
  CHECK(activity.toldAt() == 1'100);
  CHECK(look(1'100) == NetworkActivity{NetworkState::kStreaming, 0, 0});
  CHECK_FALSE(look(1'500));
  CHECK_FALSE(activity.toldAt());
  CHECK(look(3'200) == NetworkActivity{NetworkState::kQuiet, 1, 3'000});
  CHECK_FALSE(look(9'000));
  // A question without an answer is no turn.
  (void)call.note(1'000, 500, 0, 10'000);
  CHECK(look(10'000)->state == NetworkState::kWaiting);
  activity.begin();
  CHECK(activity.finish(20'000) == NetworkActivity{NetworkState::kQuiet, 1, 19'800});
}

TEST_CASE("an answer that ended its connection between two looks ended a turn") {
  RunActivity activity;
  Call call;
  (void)call.note(500, 900, 0, 100);
  activity.ended(call);
  activity.begin();
  CHECK(activity.finish(200) == NetworkActivity{NetworkState::kQuiet, 1, 100});
}

TEST_CASE("another daemon is told how things stand") {
  RunActivity activity;
  activity.begin();
  CHECK_FALSE(activity.finish(0));
  activity.repeat();
  CHECK(activity.toldAt());
  activity.begin();
  CHECK(activity.finish(10));
}

}  // namespace ringfence::sandbox
