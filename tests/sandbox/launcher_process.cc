#include "tests/sandbox/launcher_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "sandbox/kernel/features.h"
#include "sandbox/plan/landlock_access.h"
#include "sandbox/plan/seccomp_default.h"
#include "sandbox/wire/codec.h"
#include "tests/support/slower.h"

namespace ringfence::test {
using namespace sandbox;
namespace {

const int kDeadlineMs = 60'000 * slower();

UniqueFd openPath(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  REQUIRE(fd);
  return fd;
}

}  // namespace

const KernelFeatures& kernelFeatures() {
  static const KernelFeatures features = [] {
    const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return probeFeatures(root.get());
  }();
  return features;
}

LauncherProcess::LauncherProcess(const std::string& knockout) : LauncherProcess(Variation{.knockout = knockout}) {}

LauncherProcess::LauncherProcess(Variation variation)
    : groupName_("rf-test-" + std::to_string(::getpid())), variation_(std::move(variation)) {
  pid_ = spawn();
  connect();
}

pid_t LauncherProcess::spawn() const {
  const std::string& knockout = variation_.knockout;
  const std::string program = (variation_.programs.empty() ? RINGFENCE_BIN_DIR : variation_.programs) +
                              (knockout.empty() ? "/ringfence-launcher" : "/ringfence-launcher-knockout");
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid > 0) return pid;
  if (!knockout.empty()) ::setenv("RINGFENCE_KNOCKOUT", knockout.c_str(), 1);
  if (variation_.before) variation_.before();
  ::execl(program.c_str(), program.c_str(), "--run-dir", runDirectory_.path().c_str(), "--cgroup-root",
          groupName_.c_str(), nullptr);
  ::_exit(127);
}

LauncherProcess::~LauncherProcess() {
  socket_.reset();
  CgroupTree tree = groups();
  // Whatever a failed test left running ends here, then the launcher, which keeps nothing any more.
  if (auto found = tree.list()) {
    for (const auto& each : *found) (void)tree.kill(each.run, each.priority);
  }
  (void)::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
  for (int tries = 0; tries < 2'000; ++tries) {
    bool gone = true;
    if (auto found = tree.list()) {
      for (const auto& each : *found) gone = tree.removeRun(each.run, each.priority).has_value() && gone;
    }
    const std::string own = kernelFeatures().unifiedMount + "/" + groupName_ + "-launcher";
    gone = (::rmdir(own.c_str()) == 0 || errno == ENOENT) && gone;
    if (gone && tree.removeBranches()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

CgroupTree LauncherProcess::groups() const {
  auto tree = CgroupTree::open(kernelFeatures(), groupName_, UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)));
  REQUIRE(tree);
  return std::move(*tree);
}

void LauncherProcess::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = runDirectory_.path() + "/launcher.sock";
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  for (int tries = 0; tries < kDeadlineMs; ++tries) {
    socket_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  send(WireHello{});
  (void)expect<Welcome>();
}

void LauncherProcess::killAndRestart() {
  REQUIRE(::kill(pid_, SIGKILL) == 0);
  REQUIRE(::waitpid(pid_, nullptr, 0) == pid_);
  pid_ = spawn();
  connect();
}

void LauncherProcess::send(const LauncherRequest& request, const std::vector<int>& fds) {
  auto bytes = encodeBounded(request);
  if (!bytes) FAIL(bytes.error().message);
  const auto sent = sendPacket(socket_.get(), *bytes, fds);
  if (!sent) FAIL(sent.error().message);
}

void LauncherProcess::sendRaw(const std::string& bytes) { REQUIRE(sendPacket(socket_.get(), bytes)); }

bool LauncherProcess::isClosedByPeer() {
  pollfd watched{socket_.get(), POLLIN, 0};
  if (::poll(&watched, 1, kDeadlineMs) != 1) return false;
  const auto packet = receivePacket(socket_.get(), kMaxWirePacket);
  return !packet || packet->bytes.empty();
}

Event LauncherProcess::next() { return take(events_); }
Event LauncherProcess::nextOfGuard() { return take(guardEvents_); }

Event LauncherProcess::take(std::deque<Event>& from) {
  while (from.empty()) {
    pollfd watched{socket_.get(), POLLIN, 0};
    REQUIRE(::poll(&watched, 1, kDeadlineMs) == 1);
    auto packet = receivePacket(socket_.get(), kMaxWirePacket);
    REQUIRE(packet);
    REQUIRE(!packet->bytes.empty());
    auto event = decodeEvent(packet->bytes);
    if (!event) FAIL(event.error().message);
    const bool ofGuard = std::holds_alternative<GuardStarted>(*event) || std::holds_alternative<GuardDied>(*event);
    (ofGuard ? guardEvents_ : events_).push_back({std::move(*event), std::move(packet->fds)});
  }
  Event first = std::move(from.front());
  from.pop_front();
  return first;
}

void LauncherProcess::failOn(const LauncherEvent& event) {
  if (const auto* died = std::get_if<GuardDied>(&event)) FAIL("a guard died: " << died->why);
  if (const auto* failed = std::get_if<LaunchFailed>(&event))
    FAIL("launch failed: " << failed->token << ": " << failed->message);
  FAIL("another event: number " << event.index());
  std::abort();
}

Built LauncherProcess::start(const Plan& plan, const std::vector<int>& fds) {
  send(Launch{plan}, fds);
  Built built = expect<Built>();
  std::vector<UniqueFd> held = std::move(lastFds_);
  send(Release{plan.run});
  (void)expect<Started>();
  lastFds_ = std::move(held);
  return built;
}

Ended LauncherProcess::runToEnd(const Plan& plan, const std::vector<int>& fds) {
  (void)start(plan, fds);
  Ended ended = expect<Ended>();
  send(Forget{plan.run});
  return ended;
}

Workspace::Workspace() {
  REQUIRE(::chmod(directory_.path().c_str(), 0755) == 0);
  REQUIRE(::chown(directory_.path().c_str(), kTestUid, kTestUid) == 0);
  fd_ = openPath(directory_.path(), O_PATH | O_DIRECTORY);
}

std::string Workspace::write(const std::string& name, const std::string& content) const {
  const std::string path = directory_.write(name, content);
  for (std::string node = path; node.size() > directory_.path().size(); node.resize(node.rfind('/'))) {
    REQUIRE(::chown(node.c_str(), kTestUid, kTestUid) == 0);
  }
  return path;
}

namespace {

std::vector<MountStep> testMounts() {
  std::vector<MountStep> steps{MakeFile{kInnerCanary, "", 0444},
                               MakeFile{kOuterCanary, "", 0444},
                               BindPath{"/usr", "/usr"},
                               MakeSymlink{"/bin", "usr/bin"},
                               MakeSymlink{"/lib", "usr/lib"},
                               MakeSymlink{"/lib64", "usr/lib64"},
                               MakeDirectory{"/etc"},
                               MakeFile{"/etc/passwd", "tester:x:1000:1000::/:/bin/sh\n"},
                               MountProc{"/proc"},
                               MountTmpfs{"/dev", mebibytes(1), 64, 0755},
                               MountDevpts{"/dev/pts"},
                               MakeSymlink{"/dev/ptmx", "pts/ptmx"},
                               MountTmpfs{"/tmp", mebibytes(16), 1024, 01777}};
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}) {
    steps.push_back(BindDevice{device});
  }
  steps.push_back(BindDescriptor{kWorkspaceDescriptor, "/workspace", Access::kReadWrite});
  return steps;
}

Landlock testLandlock() {
  Landlock landlock;
  landlock.abi = kernelFeatures().landlockAbi;
  landlock.enabled = landlock.abi > 0;
  landlock.handledFs = landlockRightsOf(landlock.abi);
  landlock.scoped = landlockScopesOf(landlock.abi);
  constexpr std::uint64_t kRead = kLandlockExecute | kLandlockReadFile | kLandlockReadDir;
  for (const char* path : {"/usr", "/etc", "/proc"}) landlock.inner.push_back({path, kRead});
  for (const char* path : {"/workspace", "/tmp", "/dev", "/proc"}) landlock.inner.push_back({path, landlock.handledFs});
  landlock.outer = landlock.inner;
  landlock.outer.push_back({kInnerCanary, kLandlockReadFile});
  landlock.inner.push_back({kOuterCanary, kLandlockReadFile});
  return landlock;
}

}  // namespace

Plan shellPlan(const std::string& script) {
  Plan plan;
  plan.run = RunId::random();
  plan.policyName = "test";
  plan.priority = policy::PriorityClass::kInteractive;  // the other branch is idle, and a busy machine starves it
  plan.hostname = "fence";
  plan.mounts = testMounts();
  plan.identity = {
      .uid = kTestUid, .gid = kTestUid, .groups = {}, .callerUid = kTestUid, .callerGid = kTestUid, .callerGroups = {}};
  plan.landlock = testLandlock();
  plan.seccomp = defaultSeccompTable();
  plan.rlimits = {{RLIMIT_CORE, 0, 0}, {RLIMIT_NOFILE, 1024, 4096}};
  plan.command = {"sh", "-c", script};
  plan.executable = "/bin/sh";
  plan.environment = {"PATH=/usr/bin:/bin", "HOME=/tmp"};
  plan.workingDirectory = "/workspace";
  return plan;
}

OutputFile::OutputFile(const Workspace& workspace) : workspace_(workspace.fd()) {
  input_ = openPath("/dev/null", O_RDONLY);
  output_ = openPath(directory_.path() + "/output", O_RDWR | O_CREAT | O_APPEND);
}

std::vector<int> OutputFile::fds() const {
  return {workspace_, workspace_, input_.get(), output_.get(), output_.get()};
}

std::string OutputFile::text() const { return readFile(directory_.path() + "/output"); }

}  // namespace ringfence::test
