// What becomes of the output of runs that ended.
#include <poll.h>

#include "tests/supervisor/daemon_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

namespace {

// A run that wrote `text` and has ended; who waits for it has been told.
RunId endedRun(World& world, Peering& client, const std::string& text) {
  client.stdio = v1::STDIO_CAPTURED;
  const RunId run = launch(world, client);
  auto [ring, added] = world.launcher.rings.emplace(run, OutputRingWriter::create(kibibytes(64)).value());
  ring->second.append(text);
  ring->second.end();
  world.launcherSays(sandbox::Ended{run, {.code = 7, .signal = {}}, false, {.outputBytes = text.size()}, {}});
  world.launcherSays(sandbox::Removed{run});
  CHECK(client.read().value().run_event().ended().code() == 7);
  return run;
}

void awaitOutputs(World& world) {
  pollfd poll{world.outputs->eventFd(), POLLIN, 0};
  REQUIRE(::poll(&poll, 1, 20'000) == 1);
  world.daemon->outputsReady();
}

// The launcher has been told to forget the run, and has.
bool isForgotten(World& world, const RunId& run) {
  const auto* forget = world.launcher.last<sandbox::Forget>();
  if (forget == nullptr || forget->run != run) return false;
  world.launcher.rings.clear();
  return true;
}

sandbox::KeptRun keptAsEnded(const RunId& run) {
  sandbox::KeptRun kept;
  kept.run = run;
  kept.state = sandbox::KeptState::kEnded;
  return kept;
}

// What `ringfence logs` gets, or the words of the refusal.
std::string logsOf(Peering& client) {
  v1::ClientPacket request;
  request.mutable_logs()->set_run("coder");
  client.write(request);
  auto packet = receivePacket(client.socket.get(), kibibytes(64));
  v1::ServerPacket message;
  REQUIRE((packet && message.ParseFromString(packet->bytes.substr(1))));
  if (packet->fds.empty()) return message.error().message();
  return OutputRingReader::open(std::move(packet->fds[0])).value().read().bytes;
}

}  // namespace

TEST_CASE("a run is forgotten when its output is on the disk, and who waits for its end does not wait for that") {
  World world;
  Peering client(world, 1000);
  const RunId run = endedRun(world, client, "hello\n");
  CHECK_FALSE(isForgotten(world, run));
  CHECK(logsOf(client) == "hello\n");
  awaitOutputs(world);
  REQUIRE(isForgotten(world, run));
  CHECK(logsOf(client) == "hello\n");
  Peering stranger(world, 1001);
  CHECK(logsOf(stranger).find("no run coder that you may see") != std::string::npos);
}

TEST_CASE("a daemon that dies before or after the output is written is followed by one that has it") {
  const bool isWritten = GENERATE(false, true);
  World world;
  Peering client(world, 1000);
  const RunId run = endedRun(world, client, "hello\n");
  if (isWritten) {
    pollfd poll{world.outputs->eventFd(), POLLIN, 0};
    REQUIRE(::poll(&poll, 1, 20'000) == 1);
  }
  const State state = world.daemon->state();
  world.daemon.reset();
  world.outputs.reset();
  const std::string file = world.dir.path() + "/output/" + run.text();
  if (!isWritten) (void)::unlink(file.c_str());
  world.start(state, {keptAsEnded(run)});
  CHECK_FALSE(isForgotten(world, run));
  awaitOutputs(world);
  REQUIRE(isForgotten(world, run));
  Peering later(world, 1000);
  CHECK(logsOf(later) == "hello\n");
}

TEST_CASE("a run without output is forgotten at once and reads as empty; output that is gone is said to be") {
  World world;
  Peering client(world, 1000);
  const RunId run = endedRun(world, client, "");
  REQUIRE(isForgotten(world, run));
  CHECK(logsOf(client).empty());

  const RunId other = endedRun(world, client, "hello\n");
  awaitOutputs(world);
  REQUIRE(isForgotten(world, other));
  REQUIRE(::unlink((world.dir.path() + "/output/" + other.text()).c_str()) == 0);
  CHECK(logsOf(client).find("is gone: of ended runs 64 MiB") != std::string::npos);
}
