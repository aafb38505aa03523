#include "supervisor/meter/accel/ledger.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/supervisor/accel/fake_machine.h"

namespace ringfence::supervisor {
namespace {

using test::numberedRun;

const RunId kRun = numberedRun(1);
const std::map<int, RunId> kRuns{{7, kRun}, {8, numberedRun(2)}};

AccelClientReading client(std::uint64_t id, EngineCounters counters, int pid = 7) {
  AccelClientReading reading;
  reading.key = {"npu", id};
  reading.kind = AccelKind::kNpu;
  reading.pid = pid;
  reading.engines = {{"e", counters}};
  return reading;
}

std::uint64_t add(AccelLedger& ledger, std::vector<AccelClientReading> clients, std::int64_t second) {
  ledger.add(clients, kRuns, Microseconds{second * 1'000'000});
  return ledger.use(kRun).busyUsec(AccelKind::kNpu).value_or(0);
}

}  // namespace

TEST_CASE("a counter that never catches up has begun again, and counts from there") {
  AccelLedger ledger;
  CHECK(add(ledger, {client(1, {.busyNs = 900'000})}, 1) == 900);
  CHECK(add(ledger, {client(1, {.busyNs = 1'000})}, 2) == 900);
  CHECK(add(ledger, {client(1, {.busyNs = 2'000})}, 31) == 900);
  CHECK(add(ledger, {client(1, {.busyNs = 3'000})}, 32) == 900);
  CHECK(add(ledger, {client(1, {.busyNs = 13'000})}, 33) == 910);
}

TEST_CASE("cycles wait until it is known how long one takes, and none is lost") {
  AccelLedger ledger;
  (void)add(ledger, {client(1, {.cycles = 5'000'000, .totalCycles = 100'000'000})}, 1);
  const EngineUse first = ledger.use(kRun).engines.at({"npu", "e"});
  CHECK_FALSE(first.hasTime);
  CHECK(first.cyclesWithoutTime == 5'000'000);
  CHECK_FALSE(ledger.use(kRun).busyUsec(AccelKind::kNpu).has_value());
  // 10 cycles in a microsecond: 7 million of them are 0.7 s.
  CHECK(add(ledger, {client(1, {.cycles = 7'000'000, .totalCycles = 110'000'000})}, 2) == 700'000);
  CHECK(ledger.use(kRun).engines.at({"npu", "e"}).cyclesWithoutTime == 0);
  CHECK(ledger.use(kRun).engines.at({"npu", "e"}).utilisation == 0.2);
  // A client that is seen once has its time at once.
  CHECK(add(ledger, {client(2, {.cycles = 1'000'000, .totalCycles = 120'000'000})}, 3) == 800'000);
}

TEST_CASE("a clock that stands still tells no time and takes none away") {
  AccelLedger ledger;
  (void)add(ledger, {client(1, {.cycles = 5, .totalCycles = 100})}, 1);
  CHECK(add(ledger, {client(1, {.cycles = 9, .totalCycles = 100})}, 2) == 0);
  CHECK(ledger.use(kRun).engines.at({"npu", "e"}).cyclesWithoutTime == 9);
}

TEST_CASE("a client that is not read for a while is not counted twice") {
  AccelLedger ledger;
  CHECK(add(ledger, {client(1, {.busyNs = 900'000})}, 1) == 900);
  CHECK(add(ledger, {}, 2) == 900);
  CHECK(ledger.use(kRun).clients == 0);
  CHECK(add(ledger, {client(1, {.busyNs = 950'000})}, 3) == 950);
}

TEST_CASE("utilisation is that of the last reading, by capacity, and unknown without one") {
  AccelLedger ledger;
  (void)add(ledger, {client(1, {.busyNs = 0, .capacity = 2})}, 1);
  CHECK_FALSE(ledger.use(kRun).engines.at({"npu", "e"}).utilisation.has_value());
  (void)add(ledger, {client(1, {.busyNs = 1'000'000'000, .capacity = 2})}, 2);
  CHECK(ledger.use(kRun).engines.at({"npu", "e"}).utilisation == 0.5);
  (void)add(ledger, {}, 3);
  CHECK_FALSE(ledger.use(kRun).engines.at({"npu", "e"}).utilisation.has_value());
}

TEST_CASE("what a run used since the last call adds up to all of it, also below a microsecond") {
  AccelLedger ledger;
  std::uint64_t sum = 0;
  for (int i = 1; i <= 100; ++i) {
    (void)add(ledger, {client(1, {.busyNs = static_cast<std::uint64_t>(i) * 777})}, i);
    const auto busy = ledger.takeBusy("npu");
    REQUIRE(busy.size() == 1);
    sum += busy[0].busyUsec;
  }
  CHECK(sum == 77);
  CHECK(ledger.takeBusy("npu") == std::vector<RunBusy>{{kRun, "npu", 0}});
  CHECK(ledger.takeBusy("another").empty());
}

TEST_CASE("a run that is forgotten has used nothing, and others keep what they have") {
  AccelLedger ledger;
  (void)add(ledger, {client(1, {.busyNs = 5'000}), client(2, {.busyNs = 7'000}, 8)}, 1);
  ledger.forget(kRun);
  CHECK(ledger.use(kRun) == AccelUse{});
  CHECK(ledger.use(numberedRun(2)).busyUsec(AccelKind::kNpu) == 7);
  CHECK(add(ledger, {client(3, {.busyNs = 1'000}, 99)}, 2) == 0);  // of nobody
}

TEST_CASE("a run that opens clients without end is counted in bounded memory") {
  AccelLedger ledger;
  const std::uint64_t clients = 3 * kMaxGoneClients;
  for (std::uint64_t id = 0; id < clients; ++id) {
    (void)add(ledger, {client(id, {.busyNs = 1'000})}, static_cast<std::int64_t>(id));
  }
  CHECK(ledger.use(kRun).busyUsec(AccelKind::kNpu) == clients);
  CHECK(ledger.remembered() <= kMaxGoneClients + 1);
}

}  // namespace ringfence::supervisor
