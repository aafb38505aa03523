// The whole daemon inside the test: a clock, a log and a launcher of the test's own, control groups that are files.
//
//   World world; Peering client(world, 1000); const RunId run = launch(world, client);
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>

#include "sdk/base/io.h"
#include "sdk/base/output_ring.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/daemon.h"
#include "tests/support/temp_dir.h"

namespace ringfence::supervisor::daemon_world {

// Commits when told to, or fails.
class FakeStore final : public Store {
 public:
  Result<void> append(const std::vector<Fact>& facts) override;
  int eventFd() const override { return -1; }
  Progress progress() override;
  void retry() override { ++retries; }

  std::vector<Fact> queued;
  std::uint64_t durable = 0;
  int retries = 0;
  bool failing = false;
  int failingWith = 0;
  bool full = false;
};

class FakeLauncher final : public AgentLauncher {
 public:
  Result<void> send(const sandbox::LauncherRequest& request, std::span<const int> fds) override;
  Result<UniqueFd> copyOf(const RunId& run, sandbox::HeldFd which) const override;

  template <typename Message>
  const Message* last() const {
    for (auto one = sent.rbegin(); one != sent.rend(); ++one) {
      if (const auto* message = std::get_if<Message>(&*one)) return message;
    }
    return nullptr;
  }

  std::map<RunId, OutputRingWriter> rings;
  std::map<std::pair<RunId, sandbox::HeldFd>, UniqueFd> guardFds;
  std::vector<sandbox::LauncherRequest> sent;
  std::vector<std::size_t> sentFds;
  bool gone = false;
};

inline constexpr char kPolicy[] = R"(schema = 1
name = "coding"
[files]
workspace = "rw"
read = ["/usr", "/bin", "/lib", "/lib64"]
)";

sandbox::KernelFeatures goodKernel();

struct World {
  test::TempDir dir;
  ManualClock clock{{Microseconds{1'000'000'000}, Microseconds{1'000'000}, Microseconds{1'000'000}}};
  FakeStore store;
  FakeLauncher launcher;
  Config config;
  std::optional<sandbox::CgroupTree> cgroups;
  std::vector<std::string> said;
  std::unique_ptr<OutputSpool> outputs;
  std::unique_ptr<PrivateHomes> homes;  // for the next start()
  std::optional<Daemon> daemon;
  DiskReserve* reserve = nullptr;
  int machine = -1;
  std::string locked;
  std::uint64_t nextId = 1;
  // For the next start().
  std::optional<StopProgram> stop;
  LoginLookup login;
  std::function<Result<std::vector<SampleBucket>>(const RunId&, Microseconds)> series;

  World();
  ~World();
  // A daemon that knows what the log says, and meets a launcher that keeps these runs.
  void start(State state, std::vector<sandbox::KeptRun> kept);

  void launcherSays(sandbox::LauncherEvent event);
  // Only what an agent's groups need for freeze and kill.
  void makeGroups(const RunId& run);
  std::string group(const RunId& run, const std::string& file) const;
};

struct Peering {
  World& world;
  UniqueFd socket;
  ClientId id = 0;
  UniqueFd workspace;
  v1::StdioMode stdio = v1::STDIO_DESCRIPTORS;
  bool unattended = false;
  v1::AdapterUse adapter;  // without a name: none

  Peering(World& in, std::uint32_t uid);
  void write(v1::ClientPacket packet, std::vector<int> fds = {});
  std::optional<v1::ServerPacket> read();
  std::optional<v1::ServerPacket> ask(const v1::ClientPacket& packet);
  void run(const std::string& policy = {});
  std::optional<v1::ServerPacket> act(void (*fill)(v1::ClientPacket&));
};

// What is told when it is durable.
std::optional<v1::ServerPacket> durably(World& world, Peering& client, void (*fill)(v1::ClientPacket&));

RunId launch(World& world, Peering& client);

inline void freeze(v1::ClientPacket& packet) { packet.mutable_freeze()->set_run("coder"); }
inline void kill(v1::ClientPacket& packet) { packet.mutable_kill()->set_run("coder"); }
inline void show(v1::ClientPacket& packet) { packet.mutable_show()->set_run("coder"); }

}  // namespace ringfence::supervisor::daemon_world
