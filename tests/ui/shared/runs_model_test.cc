// What is kept of snapshots, and for how long it is the last minute.
#include "ui/shared/runs_model.h"

#include <catch2/catch_test_macros.hpp>

namespace ringfence::ui {
namespace {

Snapshot snapshotAt(double seconds, std::uint64_t cpuUsec) {
  top::Reading reading;
  reading.at = reading.wall = Microseconds(static_cast<std::int64_t>(seconds * 1e6));
  client::RunDetails run;
  run.id = "r-1";
  run.name = "busy";
  run.state = "running";
  reading.runs.push_back(run);
  reading.usage.rows.push_back({"r-1", "busy", "running", {}});
  client::Usage& usage = reading.usage.rows.back().usage;
  usage.cpuUsec = cpuUsec;
  usage.networkSentBytes = usage.networkReceivedBytes = cpuUsec / 2;
  return std::make_shared<const top::Reading>(std::move(reading));
}

}  // namespace

TEST_CASE(
    "a snapshot that comes long after the last begins a minute of its own, and no rate goes over the time between") {
  RunsModel runs;
  runs.show(snapshotAt(10, 0));
  for (int i = 1; i <= 4; ++i) runs.show(snapshotAt(10 + i, 1'000'000u * static_cast<unsigned>(i)));
  CHECK(runs.series("r-1").cpu.size() == 5);
  CHECK(runs.series("r-1").cpu.back() == 100.0);
  CHECK(runs.series("r-1").network.back() == 1'000'000.0);
  runs.show(snapshotAt(3610, 1'800'000'000));
  REQUIRE(runs.series("r-1").cpu.size() == 1);
  CHECK_FALSE(runs.series("r-1").cpu.back());
  CHECK(runs.rowCount() == 1);
  runs.show(snapshotAt(3611, 1'800'500'000));
  CHECK(runs.series("r-1").cpu.size() == 2);
  CHECK(runs.series("r-1").cpu.back() == 50.0);
}

}  // namespace ringfence::ui
