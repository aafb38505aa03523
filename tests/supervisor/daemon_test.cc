// The whole daemon inside the test: a clock, a log and a launcher of the test's own, control groups that are files.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include <catch2/catch_all.hpp>

#include "sdk/base/io.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/daemon.h"
#include "supervisor/doctor.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

// Commits when told to, or fails.
class FakeStore final : public Store {
 public:
  Result<void> append(const std::vector<Fact>& facts) override {
    if (full) return Error{ErrorCode::kUnavailable, "the queue is full"};
    queued.insert(queued.end(), facts.begin(), facts.end());
    return {};
  }
  int eventFd() const override { return -1; }
  Progress progress() override {
    Progress progress;
    if (failing) {
      progress.failure = Error{ErrorCode::kUnavailable, "no space left on device"};
    } else {
      durable = queued.empty() ? durable : queued.back().seq;
    }
    progress.durableSeq = durable;
    return progress;
  }
  void retry() override { ++retries; }

  std::vector<Fact> queued;
  std::uint64_t durable = 0;
  int retries = 0;
  bool failing = false;
  bool full = false;
};

class FakeLauncher final : public AgentLauncher {
 public:
  Result<void> send(const sandbox::LauncherRequest& request, std::span<const int> fds) override {
    if (gone) return Error{ErrorCode::kUnavailable, "there is no launcher at the moment"};
    sent.push_back(request);
    sentFds.push_back(fds.size());
    return {};
  }
  Result<UniqueFd> copyOf(const RunId& run, sandbox::HeldFd) const override {
    return Error{ErrorCode::kNotFound, run.text()};
  }

  template <typename Message>
  const Message* last() const {
    for (auto one = sent.rbegin(); one != sent.rend(); ++one) {
      if (const auto* message = std::get_if<Message>(&*one)) return message;
    }
    return nullptr;
  }

  std::vector<sandbox::LauncherRequest> sent;
  std::vector<std::size_t> sentFds;
  bool gone = false;
};

constexpr char kPolicy[] = R"(schema = 1
name = "coding"
[files]
workspace = "rw"
read = ["/usr", "/bin", "/lib", "/lib64"]
)";

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

struct World {
  test::TempDir dir;
  ManualClock clock{{Microseconds{1'000'000'000}, Microseconds{1'000'000}, Microseconds{1'000'000}}};
  FakeStore store;
  FakeLauncher launcher;
  Config config;
  std::optional<sandbox::CgroupTree> cgroups;
  std::vector<std::string> said;
  std::optional<Daemon> daemon;
  std::uint64_t nextId = 1;

  World() {
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
    daemon.emplace(Daemon::World{.config = config,
                                 .clock = clock,
                                 .features = goodKernel(),
                                 .bootId = "boot",
                                 .store = store,
                                 .log = {[](std::uint64_t, std::size_t) { return std::vector<LogEntry>(); },
                                         [](Microseconds) { return Result<std::uint64_t>(0); },
                                         [](const std::string&, const auto& done) { done(api::Verification{}); }},
                                 .launcher = launcher,
                                 .cgroups = &*cgroups,
                                 .say = [this](const std::string& line) { said.push_back(line); }},
                   State{});
    daemon->begin();
    daemon->launcherNews({LinkUp{77, {}}});
    daemon->storeReady();
  }

  void launcherSays(sandbox::LauncherEvent event) {
    daemon->launcherNews({std::move(event)});
    daemon->storeReady();
  }
  // Only what an agent's groups need for freeze and kill.
  void makeGroups(const RunId& run) {
    for (const char* file : {"cgroup.freeze", "cgroup.kill", "cgroup.events"}) {
      dir.write("unified/ringfence-background/" + run.text() + "/" + file,
                std::string(file) == "cgroup.events" ? "populated 1\nfrozen 1\n" : "");
    }
  }
  std::string group(const RunId& run, const std::string& file) const {
    return test::readFile(dir.path() + "/unified/ringfence-background/" + run.text() + "/" + file);
  }
};

struct Peering {
  World& world;
  UniqueFd socket;
  ClientId id = 0;
  UniqueFd workspace;

  Peering(World& in, std::uint32_t uid) : world(in) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    socket.reset(pair[0]);
    id = world.daemon->connected(UniqueFd(pair[1]), {Peer{uid, uid == 0, uid == 0}, uid, {}});
    v1::ClientPacket hello;
    hello.mutable_hello()->set_protocol(1);
    CHECK(ask(hello).value().has_hello());
  }
  void write(v1::ClientPacket packet, std::vector<int> fds = {}) {
    packet.set_id(world.nextId++);
    REQUIRE(sendPacket(socket.get(), std::string(1, '\x01') + packet.SerializeAsString(), fds));
    world.daemon->clientReady(id, true, true);
  }
  std::optional<v1::ServerPacket> read() {
    auto packet = receivePacket(socket.get(), kibibytes(64));
    if (!packet || packet->bytes.empty()) return std::nullopt;
    v1::ServerPacket message;
    REQUIRE(message.ParseFromString(packet->bytes.substr(1)));
    return message;
  }
  std::optional<v1::ServerPacket> ask(const v1::ClientPacket& packet) {
    write(packet);
    return read();
  }
  void run(const std::string& policy = {}) {
    const std::string path = world.dir.makeDirectory("project");
    workspace.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    v1::ClientPacket packet;
    v1::RunRequest& request = *packet.mutable_run();
    request.set_name("coder");
    request.set_policy(policy);
    request.set_workspace(path);
    request.add_argv("/usr/bin/true");
    request.set_executable("/usr/bin/true");
    request.set_stdio(v1::STDIO_DESCRIPTORS);
    write(packet, {workspace.get(), 0, 1, 2});
  }
  std::optional<v1::ServerPacket> act(void (*fill)(v1::ClientPacket&)) {
    v1::ClientPacket packet;
    fill(packet);
    return ask(packet);
  }
};

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

void freeze(v1::ClientPacket& packet) { packet.mutable_freeze()->set_run("coder"); }
void kill(v1::ClientPacket& packet) { packet.mutable_kill()->set_run("coder"); }
void show(v1::ClientPacket& packet) { packet.mutable_show()->set_run("coder"); }

}  // namespace

TEST_CASE("a run is built while its record is written, released when it is durable, and its end is told") {
  World world;
  Peering client(world, 1000);
  client.run();
  const auto* launched = world.launcher.last<sandbox::Launch>();
  REQUIRE(launched != nullptr);
  CHECK(world.launcher.sentFds.back() == 5);
  const RunId run = launched->plan.run;
  world.store.failing = true;  // not durable yet
  world.daemon->launcherNews({sandbox::LauncherEvent(sandbox::Built{run, {}, {}, 0, 100})});
  CHECK(world.launcher.last<sandbox::Release>() == nullptr);
  world.store.failing = false;
  world.daemon->storeReady();
  REQUIRE(world.launcher.last<sandbox::Release>() != nullptr);
  world.launcherSays(sandbox::Started{run, 101});
  CHECK(client.read().value().run_accepted().name() == "coder");
  world.launcherSays(sandbox::Ended{run, {.code = 7, .signal = {}}, false, {}});
  const auto end = client.read();
  CHECK(end.value().run_event().ended().code() == 7);
  CHECK(end->last());
  CHECK(world.launcher.last<sandbox::Forget>()->run == run);
}

TEST_CASE("a launch that fails names its wall to whoever asked") {
  World world;
  Peering client(world, 1000);
  client.run();
  const RunId run = world.launcher.last<sandbox::Launch>()->plan.run;
  world.launcherSays(sandbox::LaunchFailed{run, "landlock", "the layer is not there", 0, 125});
  const auto answer = client.read();
  CHECK(answer.value().error().token() == "landlock");
  CHECK(answer->error().exit_code() == 125);
}

TEST_CASE("when the log cannot be written, launches are refused by name, and freeze and kill work at once") {
  World world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  world.store.failing = true;
  world.daemon->storeReady();
  REQUIRE_FALSE(world.said.empty());
  Peering other(world, 1000);
  other.run();
  const auto refused = other.read();
  CHECK(refused.value().error().token() == "log");
  CHECK(refused->error().message().find("no space left") != std::string::npos);
  CHECK(other.act(freeze).value().has_done());
  CHECK(world.group(run, "cgroup.freeze") == "1");
  CHECK(other.act(kill).value().has_done());
  CHECK(world.group(run, "cgroup.kill") == "1");
  // It is tried again, and what happened meanwhile is recorded when there is room.
  world.clock.advance(std::chrono::seconds(2));
  world.daemon->wake();
  CHECK(world.store.retries == 1);
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK(world.daemon->everythingDurable());
}

TEST_CASE("a launch that waits for a log that fails is given up and never starts later") {
  World world;
  Peering client(world, 1000);
  client.run();
  const RunId run = world.launcher.last<sandbox::Launch>()->plan.run;
  world.makeGroups(run);
  world.store.failing = true;
  world.daemon->storeReady();
  CHECK(client.read().value().error().token() == "log");
  CHECK(world.launcher.last<sandbox::Abandon>()->run == run);
  world.daemon->launcherNews({sandbox::LauncherEvent(sandbox::Built{run, {}, {}, 0, 100})});
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK(world.launcher.last<sandbox::Release>() == nullptr);
}

TEST_CASE("a run of another user does not exist, and cannot be told from one that does not") {
  World world;
  Peering owner(world, 1000);
  (void)launch(world, owner);
  Peering stranger(world, 1001);
  CHECK(stranger.act(show).value().error().code() == "not-found");
  CHECK(stranger.act(kill).value().error().code() == "not-found");
  v1::ClientPacket list;
  list.mutable_list()->set_all(true);
  CHECK(stranger.ask(list).value().list().runs_size() == 0);
  CHECK(owner.ask(list).value().list().runs_size() == 1);
}

TEST_CASE("a client that dies without a terminal takes its run along: hang up, then kill") {
  World world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  client.socket.reset();
  world.daemon->clientReady(client.id, true, false);
  for (const ClientId id : world.daemon->finished()) world.daemon->remove(id);
  const auto* signal = world.launcher.last<sandbox::SignalRun>();
  REQUIRE(signal != nullptr);
  CHECK(signal->signal == SIGHUP);
  world.clock.advance(kStopGrace);
  world.daemon->wake();
  CHECK(world.group(run, "cgroup.kill") == "1");
}

TEST_CASE(
    "a policy that is edited counts for the next run; a broken edit leaves the last good one in force and says so") {
  World world;
  world.dir.write("policies/coding.toml", std::string(kPolicy) + "[limits]\npids = 33\n");
  Peering client(world, 1000);
  client.run();
  REQUIRE(world.launcher.last<sandbox::Launch>() != nullptr);
  CHECK(world.launcher.last<sandbox::Launch>()->plan.limits.pids == 33);
  CHECK(world.said.empty());

  world.dir.write("policies/coding.toml", "schema = 1\nname = \"coding\"\nworkspce = 3\n");
  Peering other(world, 1000);
  const RunId run = launch(world, other);
  CHECK(world.launcher.last<sandbox::Launch>()->plan.run == run);
  CHECK(world.launcher.last<sandbox::Launch>()->plan.limits.pids == 33);
  REQUIRE(world.said.size() == 1);
  CHECK(world.said[0].find("coding.toml:3:1: unknown key") != std::string::npos);
  CHECK(world.said[0].find("last good version stays in force") != std::string::npos);
}

TEST_CASE("a policy that never loaded refuses the launch with its diagnostics and exit status 6") {
  World world;
  world.dir.write("policies/other.toml", "schema = 1\nname = \"other\"\nworkspce = 3\n");
  Peering client(world, 1000);
  client.run("other");
  const auto answer = client.read();
  CHECK(answer.value().error().exit_code() == 6);
  CHECK(answer->error().message().find("workspce") != std::string::npos);
}

TEST_CASE("a workspace descriptor that is not the claimed path is refused") {
  World world;
  Peering client(world, 1000);
  client.workspace.reset(::open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC));
  v1::ClientPacket packet;
  v1::RunRequest& request = *packet.mutable_run();
  request.set_workspace(world.dir.makeDirectory("project"));
  request.add_argv("/usr/bin/true");
  request.set_stdio(v1::STDIO_CAPTURED);
  client.write(packet, {client.workspace.get()});
  CHECK(client.read().value().error().token() == "workspace");
  CHECK(world.launcher.last<sandbox::Launch>() == nullptr);
}

TEST_CASE("a prepared slot gives its id to the next run of its class, and one that was lost does not") {
  World world;
  REQUIRE(world.launcher.last<sandbox::Prepare>() != nullptr);
  const RunId slot = world.launcher.last<sandbox::Prepare>()->run;
  Peering client(world, 1000);
  SECTION("prepared") {
    world.launcherSays(sandbox::Prepared{slot});
    client.run();
    CHECK(world.launcher.last<sandbox::Launch>()->plan.run == slot);
  }
  SECTION("lost") {
    world.launcherSays(sandbox::Prepared{slot});
    world.daemon->launcherNews({LinkDown{"it died"}});
    world.daemon->launcherNews({LinkUp{78, {}}});
    client.run();
    CHECK(world.launcher.last<sandbox::Launch>()->plan.run != slot);
  }
}

TEST_CASE("an own uid is one that no live run has, reused as late as possible") {
  State state;
  const UidRange range{700000, 700002};
  CHECK(unusedUid(range, state) == 700000);
  for (std::uint32_t i = 0; i < 3; ++i) {
    Run run;
    run.id = RunId::random();
    run.admittedSeq = i + 1;
    run.what.uid = 700000 + i;
    state.runs[run.id] = run;
  }
  CHECK_FALSE(unusedUid(range, state).has_value());
  for (auto& [id, run] : state.runs) run.life = EndedState{};
  CHECK(unusedUid(range, state) == 700000);
}

TEST_CASE("runs are charged to different ids of the range") {
  const UidRange range{700000, 765535};
  std::set<std::uint32_t> ids;
  for (int i = 0; i < 50; ++i) {
    const std::uint32_t id = accountUid(range, RunId::random());
    CHECK((id >= range.first && id <= range.last));
    ids.insert(id);
  }
  CHECK(ids.size() > 40);
  CHECK(accountUid({7, 7}, RunId::random()) == 7);
}

TEST_CASE("the private home of any policy name is one plain path component") {
  CHECK(homeDirectoryName("coding") == "coding");
  for (const char* name : {"", ".", "..", "a/b", "../../etc", "Ümlaut", "CODING"}) {
    const std::string directory = homeDirectoryName(name);
    CHECK(directory.find('/') == std::string::npos);
    CHECK(directory.starts_with("HASH-"));
  }
}

TEST_CASE("the configuration file sets what the command line may override, and names a wrong line") {
  Config config =
      applyConfigText({}, "f",
                      "# ours\nrun_dir = \"/r\"\npolicy_dirs = [\"/a\", \"/b\"]\nkill_on_exit = true # always\n")
          .value();
  CHECK(config.runDir == "/r");
  CHECK(config.policyDirs == std::vector<std::string>{"/a", "/b"});
  CHECK(config.onExit == OnExit::kKillRuns);
  for (const char* text : {"\nrundir = \"/r\"", "\nrun_dir = /r", "\nrun_dir = \"r\"", "\nuid_range = \"0-5\"",
                           "\nkill_on_exit = \"yes\"", "\ncgroup_root = \"a/b\""}) {
    auto wrong = applyConfigText({}, "f", text);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message.starts_with("f:2: "));
  }
}

TEST_CASE("the doctor's judgement names what is missing, and says nothing of what was not asked") {
  Findings findings;
  findings.features = goodKernel();
  findings.capabilities = ~std::uint64_t{0};
  findings.launcherFound = true;
  findings.policies = 5;
  for (const Check& check : judge(findings)) {
    INFO(check.name << ": " << check.detail);
    CHECK(check.ok);
    CHECK(check.name != "log");
  }
  findings.features.landlockAbi = 0;
  findings.capabilities &= ~(std::uint64_t{1} << 21);
  findings.logTrouble = "no space";
  std::set<std::string> failed;
  for (const Check& check : judge(findings)) {
    if (!check.ok) failed.insert(check.name);
  }
  CHECK(failed == std::set<std::string>{"wall landlock", "capabilities", "log"});
}
