#include "supervisor/run_activity.h"

#include <catch2/catch_test_macros.hpp>

namespace ringfence::supervisor {
namespace {

using governor::Activity;
using governor::Hold;
using Network = RunActivity::Network;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Reads it for that long, five times a second; `share` of a processor is used.
struct Reader {
  RunActivity activity;
  Microseconds now = 1000s;
  double cpu = 0;
  void pass(Microseconds span, RunActivity::Told told, double share, Hold hold = Hold::kNone) {
    for (Microseconds passed{}; passed < span; passed += 200ms) {
      now += 200ms;
      cpu += share * 200'000;
      activity.note(told, static_cast<std::uint64_t>(cpu), hold, now);
    }
  }
};

}  // namespace

TEST_CASE("what a run does follows its connections first and the processor time after that") {
  Reader reader;
  reader.pass(2s, {}, 0.001);
  CHECK(reader.activity.activity() == Activity::kUnknown);
  reader.pass(2s, {Network::kQuiet, 0, {}}, 0.5);
  CHECK(reader.activity.activity() == Activity::kToolRunning);
  reader.pass(1s, {Network::kWaiting, 0, {}}, 0.5);
  CHECK(reader.activity.activity() == Activity::kWaitingForModel);
  reader.pass(1s, {Network::kStreaming, 0, {}}, 0.5);
  CHECK(reader.activity.activity() == Activity::kStreaming);
  reader.pass(8s, {Network::kQuiet, 0, {}}, 0.01);
  CHECK(reader.activity.activity() == Activity::kUnknown);
}

TEST_CASE("a run that is held does what it did") {
  Reader reader;
  reader.pass(2s, {}, 1);
  CHECK(reader.activity.activity() == Activity::kToolRunning);
  reader.pass(60s, {Network::kQuiet, 0, {}}, 0, Hold::kByGovernor);
  CHECK(reader.activity.activity() == Activity::kToolRunning);
}

TEST_CASE("processor time that is not known makes no tool run") {
  RunActivity activity;
  for (int i = 0; i < 20; ++i) activity.note({}, std::nullopt, Hold::kNone, 1000s + i * 200ms);
  CHECK(activity.activity() == Activity::kUnknown);
  CHECK_FALSE(activity.safePoint());
}

TEST_CASE("the end of a turn is where its last byte came, with the processor time of then") {
  Reader reader;
  reader.pass(3s, {Network::kStreaming, 0, {}}, 0);
  const Microseconds last = reader.now;
  reader.pass(4s, {Network::kStreaming, 0, {}}, 0.5);  // The egress waits whether more comes; a tool runs already.
  reader.pass(1s, {Network::kQuiet, 1, last}, 0.5);
  REQUIRE(reader.activity.safePoint());
  CHECK(reader.activity.safePoint()->at == last);
  CHECK(reader.activity.safePoint()->cpuUsec == 0);
  reader.pass(10s, {Network::kQuiet, 1, last}, 0.5);
  CHECK(reader.activity.safePoint()->at == last);  // Once.
}

TEST_CASE("an egress that begins anew, or says impossible times, ends no turn in the future") {
  Reader reader;
  reader.pass(1s, {Network::kQuiet, 5, 2000s}, 0);
  CHECK(reader.activity.safePoint()->at <= reader.now);
  const Microseconds before = reader.activity.safePoint()->at;
  reader.pass(1s, {Network::kQuiet, 0, {}}, 0);
  CHECK(reader.activity.safePoint()->at == before);
  reader.pass(1s, {Network::kQuiet, 1, reader.now}, 0);
  CHECK(reader.activity.safePoint()->at > before);
}

}  // namespace ringfence::supervisor
