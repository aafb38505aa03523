#include "tests/support/test_daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "sdk/base/error.h"

namespace ringfence::test {
namespace fs = std::filesystem;
namespace {

constexpr char kAwake[] = R"(schema = 1
name = "awake"
extends = ["coding"]
[priority]
class = "interactive"
)";

std::vector<std::string> linesOf(const std::string& path) {
  std::istringstream text(readFile(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

pid_t spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  RF_CHECK(pid >= 0);
  if (pid > 0) return pid;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int in = ::open("/dev/null", O_RDONLY);
  if (out < 0 || in < 0 || ::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(126);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

int waitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool eventually(const std::function<bool()>& holds, double seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    if (holds()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
}

bool isAlive(pid_t pid) {
  const std::string stat = readFile("/proc/" + std::to_string(pid) + "/stat");
  const auto end = stat.rfind(')');
  return end != std::string::npos && end + 2 < stat.size() && stat[end + 2] != 'Z' && stat[end + 2] != 'X';
}

TestDaemon::TestDaemon(Options options) : options_(std::move(options)) {
  RF_CHECK(::chmod(base_.path().c_str(), 0755) == 0);
  runDir_ = base_.path() + "/run";
  stateDir_ = options_.stateDir.empty() ? base_.path() + "/state" : options_.stateDir;
  workspace_ = base_.makeDirectory("workspace");
  (void)base_.write("policies/awake.toml", kAwake);
  logFile_ = base_.path() + "/daemon.log";
  // Random, because process ids come back.
  cgroupRoot_ = "rf-test-" + base_.path().substr(base_.path().size() - 6) + "-" + std::to_string(::getpid());
  workspaceFd_.reset(::open(workspace_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  null_.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  RF_CHECK(workspaceFd_ && null_);
  (void)start();  // The first use of a daemon that is not there fails with its log.
}

TestDaemon::~TestDaemon() { shutDown(); }

bool TestDaemon::start() {
  const std::size_t before = log().size();
  std::vector<std::string> command{RINGFENCE_BIN_DIR "/ringfenced",
                                   "--run-dir",
                                   runDir_,
                                   "--state-dir",
                                   stateDir_,
                                   "--cgroup-root",
                                   cgroupRoot_,
                                   "--no-login-check"};
  std::vector<std::string> policies = options_.policyDirs;
  if (policies.empty()) policies.emplace_back(RINGFENCE_SOURCE_DIR "/policy/profiles");
  policies.push_back(base_.path() + "/policies");
  for (const std::string& directory : policies) command.insert(command.end(), {"--policy-dir", directory});
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  pid_ = spawn(command, logFile_);
  bool ready = false;
  (void)eventually([&] {
    ready = log().find("ringfenced: ready\n", before) != std::string::npos;
    return ready || !isAlive(pid_);
  });
  if (!ready) killDaemon();
  return ready;
}

int TestDaemon::stop() {
  if (pid_ == 0) return -1;
  (void)::kill(pid_, SIGTERM);
  const int status = waitFor(pid_);
  pid_ = 0;
  return status;
}

void TestDaemon::killDaemon() {
  if (pid_ == 0) return;
  (void)::kill(pid_, SIGKILL);
  (void)waitFor(pid_);
  pid_ = 0;
}

// `comm`: its own name; what it forks may have another one and the same command line.
pid_t TestDaemon::pidOf(const std::string& wanted, const std::string& comm) const {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string cmdline = readFile(entry.path() / "cmdline");
    const std::string program = cmdline.substr(0, cmdline.find('\0'));
    if (!program.ends_with(wanted)) continue;
    if (cmdline.find(std::string(1, '\0') + runDir_ + std::string(1, '\0')) == std::string::npos) continue;
    // Children that were forked and wait carry the same command line; the program itself is in no run's group, and has
    // its own name.
    if (readFile(entry.path() / "comm") != comm + "\n") continue;
    const std::string cgroup = readFile(entry.path() / "cgroup");
    if (cgroup.find("-background/") != std::string::npos || cgroup.find("-interactive/") != std::string::npos) continue;
    const pid_t pid = std::stoi(name);
    if (isAlive(pid)) return pid;
  }
  return 0;
}

pid_t TestDaemon::launcherPid() const { return pidOf("/ringfence-launcher", "ringfence-launc"); }
pid_t TestDaemon::stopPid() const { return pidOf("/ringfence-stop", "ringfence-stop"); }

pid_t TestDaemon::killLauncher() {
  const pid_t pid = launcherPid();
  if (pid == 0) return 0;
  (void)::kill(pid, SIGKILL);
  (void)eventually([&] { return !isAlive(pid); });
  return pid;
}

void TestDaemon::shutDown() {
  (void)stop();
  for (const std::string& group : groups()) {
    std::ofstream(group + "/cgroup.kill") << "1";  // Absent in v1 hierarchies.
  }
  for (const pid_t pid : {stopPid(), launcherPid()}) {
    if (pid == 0) continue;
    (void)::kill(pid, SIGTERM);
    if (eventually([&] { return !isAlive(pid); }, 5)) continue;
    (void)::kill(pid, SIGKILL);
    (void)eventually([&] { return !isAlive(pid); });
  }
  (void)eventually([&] {
    removeGroups();
    return groups().empty();
  });
}

std::string TestDaemon::log() const { return readFile(logFile_); }

client::Client TestDaemon::connect() const {
  auto client = client::Client::connectTo(socket());
  if (!client) throw std::runtime_error(client.error().message + "\n" + log());
  return std::move(*client);
}

client::RunRequest TestDaemon::request(std::vector<std::string> argv) const {
  client::RunRequest request;
  request.policy = "awake";
  request.executable = argv.at(0);
  request.argv = std::move(argv);
  request.workspace = workspace_;
  request.workingDirectory = workspace_;
  request.workspaceFd = workspaceFd_.get();
  request.environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C"}};
  request.stdio = client::StdioMode::kCaptured;
  request.detached = true;
  return request;
}

client::RunRequest TestDaemon::foregroundRequest(std::vector<std::string> argv) const {
  client::RunRequest foreground = request(std::move(argv));
  foreground.detached = false;
  foreground.stdio = client::StdioMode::kDescriptors;
  for (int& fd : foreground.stdioFds) fd = null_.get();
  return foreground;
}

client::ExitStatus TestDaemon::waitForEnd(client::Client& client) {
  for (;;) {
    auto event = client.nextRunEvent();
    if (const auto* failure = std::get_if<client::Failure>(&event)) throw std::runtime_error(failure->error.message);
    if (const auto* ended = std::get_if<client::ExitStatus>(&std::get<client::RunEvent>(event))) return *ended;
  }
}

bool TestDaemon::reaches(const std::string& run, const std::string& state) const {
  client::Client client = connect();
  return eventually([&] {
    auto shown = client.show(run);
    const auto* details = std::get_if<client::RunDetails>(&shown);
    return details != nullptr && details->state == state;
  });
}

std::vector<std::string> TestDaemon::groups() const {
  std::vector<std::string> found;
  std::vector<fs::path> mounts{"/sys/fs/cgroup"};
  std::error_code ignored;  // A hierarchy that is not there has no groups.
  for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup", ignored)) {
    if (entry.is_directory(ignored)) mounts.push_back(entry.path());
  }
  for (const fs::path& mount : mounts) {
    for (const auto& entry : fs::directory_iterator(mount, ignored)) {
      if (entry.path().filename().string().starts_with(cgroupRoot_) && entry.is_directory(ignored))
        found.push_back(entry.path());
    }
  }
  return found;
}

std::vector<pid_t> TestDaemon::processes() const {
  std::vector<pid_t> pids;
  std::error_code ignored;  // Groups vanish while we look.
  for (const std::string& group : groups()) {
    std::vector<std::string> files{group + "/cgroup.procs"};
    for (const auto& entry : fs::recursive_directory_iterator(group, ignored)) {
      if (entry.path().filename() == "cgroup.procs") files.push_back(entry.path());
    }
    for (const std::string& file : files) {
      for (const std::string& line : linesOf(file)) pids.push_back(std::stoi(line));
    }
  }
  std::ranges::sort(pids);
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  std::erase_if(pids, [](pid_t pid) { return pid == 0 || !isAlive(pid); });
  return pids;
}

std::vector<std::string> TestDaemon::leftovers() const {
  std::vector<std::string> left;
  for (const std::string& group : groups()) left.push_back("group " + group);
  for (const pid_t pid : processes()) left.push_back("process " + std::to_string(pid));
  if (const pid_t launcher = launcherPid(); launcher != 0) left.push_back("launcher " + std::to_string(launcher));
  for (const std::string& line : linesOf("/proc/self/mountinfo")) {
    if (line.find(base_.path()) != std::string::npos) left.push_back("mount " + line);
  }
  return left;
}

void TestDaemon::removeGroups() const {
  for (const std::string& group : groups()) {
    std::vector<fs::path> directories{group};
    std::error_code ignored;  // What is busy is tried again.
    for (const auto& entry : fs::recursive_directory_iterator(group, ignored)) {
      if (entry.is_directory(ignored)) directories.push_back(entry.path());
    }
    for (auto directory = directories.rbegin(); directory != directories.rend(); ++directory)
      (void)::rmdir(directory->c_str());
  }
}

}  // namespace ringfence::test
