// A run with guards for the tests of the launcher: stand-ins in the place of their programs, plans that want them, and
// what came with Built.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "sandbox/kernel/landlock.h"
#include "sandbox/kernel/procfs.h"
#include "sandbox/plan/seccomp_default.h"
#include "tests/sandbox/launcher_process.h"

namespace ringfence::test {

using namespace sandbox;

constexpr std::uint32_t kEgressUid = 77'555;
constexpr std::uint64_t kTrace = 1U << 19;  // CAP_SYS_PTRACE

// The launcher that leaves a wall out, or the domain of wardens, is under another name.
// A launcher with the stand-in beside it, under the names of the guards.
class Programs {
 public:
  enum class With { kGuards, kNone };
  explicit Programs(With with = With::kGuards) {
    const std::string bin = RINGFENCE_BIN_DIR;
    REQUIRE(::chmod(directory_.path().c_str(), 0755) == 0);
    for (const char* name : {"/ringfence-launcher", "/ringfence-launcher-knockout"})
      std::filesystem::copy_file(bin + name, path() + name);
    if (with == With::kNone) return;
    for (const char* name : {"/ringfence-warden", "/ringfence-egress"})
      std::filesystem::copy_file(bin + "/fake-guard", path() + name);
  }
  const std::string& path() const { return directory_.path(); }

 private:
  TempDir directory_;
};

inline bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 4000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

inline std::string readProc(int pid, const std::string& name) {
  return readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/" + name, mebibytes(1)).value_or("");
}

inline ProcStatus statusOf(int pid) {
  auto status = parseStatus(readProc(pid, "status"));
  REQUIRE(status);
  return *status;
}

inline std::string linkOf(int pid, const std::string& name) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/" + name, error).string();
}

inline std::vector<int> descriptorsOf(int pid) {
  std::vector<int> numbers;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
    numbers.push_back(std::stoi(entry.path().filename()));
  std::ranges::sort(numbers);
  return numbers;
}

inline bool isGone(int pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

inline bool hasStems() { return canScope(kernelFeatures().landlockAbi) && kernelFeatures().cloneIntoCgroup; }

// Processes in its leaf that are root's.
inline std::vector<int> stemsOf(const CgroupTree& groups, const Plan& plan) {
  std::vector<int> pids = groups.processes(plan.run, plan.priority, Leaf::kWarden).value_or(std::vector<int>{});
  std::erase_if(pids, [](int pid) {
    const auto status = parseStatus(readProc(pid, "status"));
    return !status || status->uid[0] != 0;
  });
  return pids;
}

inline std::vector<int> childrenNamed(const std::string& name, int launcher) {
  std::vector<int> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || readProc(pid, "comm") != name + "\n") continue;
    if (readProc(pid, "status").find("\nPPid:\t" + std::to_string(launcher) + "\n") != std::string::npos)
      pids.push_back(pid);
  }
  return pids;
}

inline std::vector<int> stemsBelow(int launcher) { return childrenNamed("stem", launcher); }

// One packet from a guard; none within the deadline fails the test.
inline std::string hear(int socket) {
  pollfd watched{socket, POLLIN, 0};
  REQUIRE(::poll(&watched, 1, 60'000) == 1);
  const auto packet = receivePacket(socket, kibibytes(4));
  REQUIRE(packet);
  return packet->bytes;
}

// mkdir is handed over, and nothing else that the scripts here do.
inline Plan wardedPlan(const std::string& script) {
  Plan plan = shellPlan(script);
  SeccompTable table = plan.seccomp;
  for (SeccompRule& rule : table.rules) {
    if (rule.call == "mkdir" || rule.call == "mkdirat") rule = {rule.call, SeccompAction::kNotify, 0, {}};
  }
  std::vector<std::string> seen;
  std::erase_if(table.rules, [&seen](const SeccompRule& rule) {
    if (rule.action != SeccompAction::kNotify) return false;
    const bool again = std::ranges::find(seen, rule.call) != seen.end();
    seen.push_back(rule.call);
    return again;
  });
  plan.seccomp = table;
  plan.guards.warden = true;
  plan.mounts.push_back(MountTmpfs{.target = "/run", .size = mebibytes(1), .inodes = 64, .mode = 0755, .noExec = true});
  for (auto* rules : {&plan.landlock.inner, &plan.landlock.outer}) rules->push_back({"/run", plan.landlock.handledFs});
  return plan;
}

inline Plan backgroundPlan(const std::string& script) {
  Plan plan = wardedPlan(script);
  plan.priority = policy::PriorityClass::kBackground;
  return plan;
}

inline Plan egressPlan(const std::string& script) {
  Plan plan = wardedPlan(script);
  plan.seccomp = defaultSeccompTable();
  plan.guards = {.warden = false, .egress = true, .egressUid = kEgressUid};
  return plan;
}

// The descriptors that came with Built, by what they are.
class Held {
 public:
  Held(std::uint16_t bits, std::vector<UniqueFd> fds) : bits_(bits), fds_(std::move(fds)) {}
  int operator[](HeldFd which) const {
    std::size_t place = 0;
    for (const HeldFd each : kHeldOrder) {
      const bool there = (bits_ & static_cast<unsigned>(each)) != 0;
      if (each == which) return there ? fds_.at(place).get() : -1;
      if (there) ++place;
    }
    return -1;
  }
  std::vector<int> all() const {
    std::vector<int> numbers;
    for (const UniqueFd& fd : fds_) numbers.push_back(fd.get());
    return numbers;
  }
  std::uint16_t bits() const { return bits_; }

 private:
  std::uint16_t bits_;
  std::vector<UniqueFd> fds_;
};

// A run that goes on until a file `go` is in its workspace.
struct GuardedRun {
  Programs programs;
  LauncherProcess launcher{LauncherProcess::Variation{.programs = programs.path()}};
  Workspace workspace;
  OutputFile output{workspace};
  Plan plan;
  Built built;
  std::optional<Held> held;

  explicit GuardedRun(const std::function<Plan(const std::string&)>& makePlan,
                      const std::string& script = "while ! test -e go; do sleep 0.01; done; mkdir x && echo made")
      : plan(makePlan(script)) {
    built = launcher.start(plan, output.fds());
    held.emplace(built.held, std::move(launcher.lastFds()));
  }
  void go() const { (void)workspace.write("go", ""); }
  Ended end() {
    go();
    Ended ended = launcher.expect<Ended>();
    launcher.send(Forget{plan.run});
    return ended;
  }
};

// The stand-in for a warden does that (fake_guard.cc): 0 or errno.
inline int askWarden(const GuardedRun& run, const std::string& order) {
  const int pair = (*run.held)[HeldFd::kWarden];
  REQUIRE(sendPacket(pair, order));
  return std::stoi(hear(pair));
}

}  // namespace ringfence::test
