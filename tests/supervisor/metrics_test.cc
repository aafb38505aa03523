// What the daemon tells collectors of metrics: to each user what is theirs, read anew when it is old.
#include "daemon_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

namespace {

bool has(const std::shared_ptr<const std::string>& text, const std::string& part) {
  return text->find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("metrics within half a second are one reading, and are read anew afterwards") {
  World world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  const Peer owner{1000, false, false};
  const auto first = world.daemon->metricsFor(owner);
  CHECK(has(first, "ringfence_run_frozen{run=\"" + run.text() + "\",name=\"coder\"} 0\n"));
  CHECK_FALSE(has(first, "ringfence_run_cpu_seconds_total"));  // No file of its groups says it.
  CHECK_FALSE(has(first, "ringfence_device_"));

  client.act(freeze);
  world.clock.advance(Milliseconds(500));
  CHECK(world.daemon->metricsFor(owner) == first);
  world.clock.advance(Milliseconds(1));
  const auto second = world.daemon->metricsFor(owner);
  CHECK(has(second, "ringfence_run_frozen{run=\"" + run.text() + "\",name=\"coder\"} 1\n"));
  CHECK(has(first, "name=\"coder\"} 0\n"));  // Whoever still reads the old one has it whole.
}

TEST_CASE("metrics that are kept for one user are told to nobody else, nor to the same one in another role") {
  World world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  CHECK(has(world.daemon->metricsFor({0, true, true}), run.text()));
  CHECK(has(world.daemon->metricsFor({1000, false, false}), run.text()));
  const auto stranger = world.daemon->metricsFor({1001, false, false});
  CHECK_FALSE(has(stranger, run.text()));
  CHECK(has(stranger, "\nringfence_runs 0\n"));
  CHECK(has(world.daemon->metricsFor({1001, false, true}), run.text()));
  CHECK(world.daemon->metricsFor({1001, false, false}) == stranger);
}

TEST_CASE("a run that ended is in no metrics that are read afterwards") {
  World world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  CHECK(has(world.daemon->metricsFor({1000, false, false}), run.text()));
  world.launcherSays(sandbox::Ended{.run = run, .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}});
  world.clock.advance(std::chrono::seconds(1));
  CHECK_FALSE(has(world.daemon->metricsFor({1000, false, false}), run.text()));
}
