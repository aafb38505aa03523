#include "tests/supervisor/daemon_world.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sdk/base/io.h"

namespace ringfence::supervisor::daemon_world {

sandbox::KernelFeatures goodKernel() {
  sandbox::KernelFeatures features;
  features.release = "6.18.0";
  features.architecture = "x86_64";
  features.landlockAbi = 7;
  features.seccompFilter = features.seccompGetFilter = features.userNamespaces = features.idmappedMounts = true;
  features.cloneIntoCgroup = features.pidfd = features.cgroupFreeze = features.cgroupKill = true;
  features.unifiedMount = "/unified";
  for (const char* name : {"memory", "cpu", "pids", "io"}) features.controllers[name] = {2, "/unified"};
  return features;
}

World::World() {
  config.stateDir = dir.makeDirectory("state");
  config.runDir = dir.makeDirectory("run");
  dir.write("policies/coding.toml", kPolicy);
  config.policyDirs = {dir.path() + "/policies"};
  dir.write("unified/cgroup.subtree_control", "");
  for (const char* branch : {"background", "interactive"}) {
    dir.write(std::string("unified/ringfence-") + branch + "/cgroup.subtree_control", "");
  }
  auto tree = sandbox::CgroupTree::open(goodKernel(), "ringfence",
                                        UniqueFd(::open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
  REQUIRE(tree);
  cgroups.emplace(std::move(*tree));
  start(State{}, {});
}

void World::start(State state, std::vector<sandbox::KeptRun> kept) {
  daemon.reset();
  outputs.reset();
  outputs = OutputSpool::open(dir.makeDirectory("output"), [](const RunId&) { return true; }).value();
  daemon.emplace(Daemon::World{.config = config,
                               .clock = clock,
                               .features = goodKernel(),
                               .bootId = "boot",
                               .store = store,
                               .reserve = reserve,
                               .locked = locked,
                               .log = {[](std::uint64_t, std::size_t) { return std::vector<LogEntry>(); },
                                       [](Microseconds) { return Result<std::uint64_t>(0); },
                                       [](const std::string&, const auto& done) { done(api::Verification{}); }, series},
                               .launcher = launcher,
                               .outputs = outputs.get(),
                               .homes = homes.get(),
                               .cgroups = &*cgroups,
                               .root = machine,
                               .stop = stop,
                               .login = login,
                               .say = [this](const std::string& line) { said.push_back(line); }},
                 std::move(state));
  daemon->begin();
  daemon->launcherNews({LinkUp{77, std::move(kept)}});
  daemon->storeReady();
}

void World::launcherSays(sandbox::LauncherEvent event) {
  daemon->launcherNews({std::move(event)});
  daemon->storeReady();
}

void World::makeGroups(const RunId& run) {
  for (const char* file : {"cgroup.freeze", "cgroup.kill", "cgroup.events"}) {
    for (const char* group : {"/", "/agent/"})
      dir.write("unified/ringfence-background/" + run.text() + group + file,
                std::string(file) == "cgroup.events" ? "populated 1\nfrozen 1\n" : "");
  }
}

std::string World::group(const RunId& run, const std::string& file) const {
  return test::readFile(dir.path() + "/unified/ringfence-background/" + run.text() + "/" + file);
}

Peering::Peering(World& in, std::uint32_t uid) : world(in) {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
  socket.reset(pair[0]);
  id = world.daemon->connected(UniqueFd(pair[1]), {Peer{uid, uid == 0, uid == 0}, uid, {}});
  v1::ClientPacket hello;
  hello.mutable_hello()->set_protocol(1);
  CHECK(ask(hello).value().has_hello());
}

void Peering::write(v1::ClientPacket packet, std::vector<int> fds) {
  packet.set_id(world.nextId++);
  REQUIRE(sendPacket(socket.get(), std::string(1, '\x01') + packet.SerializeAsString(), fds));
  world.daemon->clientReady(id, true, true);
}

std::optional<v1::ServerPacket> Peering::read() {
  auto packet = receivePacket(socket.get(), kibibytes(64));
  if (!packet || packet->bytes.empty()) return std::nullopt;
  v1::ServerPacket message;
  REQUIRE(message.ParseFromString(packet->bytes.substr(1)));
  return message;
}

std::optional<v1::ServerPacket> Peering::ask(const v1::ClientPacket& packet) {
  write(packet);
  return read();
}

void Peering::run(const std::string& policy) {
  const std::string path = world.dir.makeDirectory("project");
  workspace.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  v1::ClientPacket packet;
  v1::RunRequest& request = *packet.mutable_run();
  request.set_name("coder");
  request.set_policy(policy);
  request.set_workspace(path);
  request.add_argv("/usr/bin/true");
  request.set_executable("/usr/bin/true");
  request.set_stdio(stdio);
  request.set_unattended(unattended);
  if (!adapter.name().empty()) *request.mutable_adapter() = adapter;
  if (stdio == v1::STDIO_DESCRIPTORS)
    write(packet, {workspace.get(), 0, 1, 2});
  else
    write(packet, {workspace.get()});
}

std::optional<v1::ServerPacket> Peering::act(void (*fill)(v1::ClientPacket&)) {
  v1::ClientPacket packet;
  fill(packet);
  return ask(packet);
}

Result<void> FakeStore::append(const std::vector<Fact>& facts) {
  if (full) return Error{ErrorCode::kUnavailable, "the queue is full"};
  queued.insert(queued.end(), facts.begin(), facts.end());
  return {};
}

Progress FakeStore::progress() {
  Progress progress;
  if (failing) {
    progress.failure = Error{ErrorCode::kUnavailable, "no space left on device", failingWith};
  } else {
    durable = queued.empty() ? durable : queued.back().seq;
  }
  progress.durableSeq = durable;
  return progress;
}

Result<void> FakeLauncher::send(const sandbox::LauncherRequest& request, std::span<const int> fds) {
  if (gone) return Error{ErrorCode::kUnavailable, "there is no launcher at the moment"};
  sent.push_back(request);
  sentFds.push_back(fds.size());
  return {};
}

Result<UniqueFd> FakeLauncher::copyOf(const RunId& run, sandbox::HeldFd which) const {
  const auto ring = rings.find(run);
  if (which == sandbox::HeldFd::kOutputRing && ring != rings.end())
    return openAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(ring->second.fd()), O_RDONLY);
  const auto held = guardFds.find({run, which});
  if (held == guardFds.end()) return Error{ErrorCode::kNotFound, run.text()};
  return UniqueFd(::fcntl(held->second.get(), F_DUPFD_CLOEXEC, 3));
}

World::~World() = default;

std::optional<v1::ServerPacket> durably(World& world, Peering& client, void (*fill)(v1::ClientPacket&)) {
  CHECK_FALSE(client.act(fill));
  world.daemon->storeReady();
  return client.read();
}

RunId launch(World& world, Peering& client) {
  client.run();
  const auto* launched = world.launcher.last<sandbox::Launch>();
  if (launched == nullptr) {
    const auto answer = client.read();
    FAIL("no launch: " << (answer ? answer->error().message() : "no answer"));
  }
  const RunId run = launched->plan.run;
  world.launcherSays(sandbox::Built{run, {}, {}, 0, 100});
  world.launcherSays(sandbox::Started{run, 101});
  CHECK(client.read().value().run_accepted().pid() == 101);
  world.makeGroups(run);
  return run;
}

}  // namespace ringfence::supervisor::daemon_world
