// What a stop takes: ringfence-stop over groups as runs have them, by turns with the kernel's own freeze of the same
// processes, which is what no stop can be faster than.
//
//   stop_bench BIN_DIR ROUNDS AGENTS PROCESSES LOAD…
//
// Loads: sleeping, spinning, forking (at the limit of processes), waiting (half of them in a call that was handed to a
// listener and is not answered), asking (a flood of such calls, answered), populating (each call long work of the
// kernel), kill (everything ended, of new processes in each round). Prints one JSON object a round:
// {"load","write_usec","took_usec","answer_usec","verified","processes","raw_usec"}; raw_usec is null where the kernel
// never says that all are frozen.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/features.h"
#include "sdk/base/io.h"
#include "tests/supervisor/stop/held_call.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using sandbox::CgroupTree;
using Steady = std::chrono::steady_clock;

namespace {

constexpr auto kBackground = policy::PriorityClass::kBackground;

volatile sig_atomic_t isTold = 0;

// Whatever goes wrong, no group and no process is left.
[[noreturn]] void fail(const std::string& why) { throw std::runtime_error(why); }

template <typename T>
T must(Result<T> result) {
  if (!result) fail(result.error().message);
  return std::move(result).value();
}

long microseconds(Steady::duration time) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

// ---- what agents do

[[noreturn]] void populate() {
  constexpr std::size_t kBytes = 4 << 20;
  for (;;) {
    void* const area = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (area != MAP_FAILED) munmap(area, kBytes);
  }
}

// Until everybody is there: else those who are would keep the others from coming.
void waitFor(int begin) {
  char nothing = 0;
  while (read(begin, &nothing, 1) < 0) {}
}

// One process asks, the other one takes the call; and answers it, or never does.
[[noreturn]] void ask(bool isAnswered, int begin) {
  const int listener = test::listenToGetppid();
  if (listener < 0) _exit(1);
  const pid_t asking = fork();
  waitFor(begin);
  if (asking == 0) {
    for (;;) (void)syscall(SYS_getppid);
  }
  for (;;) {
    seccomp_notif call{};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
    if (!isAnswered) {
      for (;;) pause();
    }
    seccomp_notif_resp answer{};
    answer.id = call.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

[[noreturn]] void work(const std::string& load, int begin) {
  if (load == "waiting" || load == "asking") ask(load == "asking", begin);
  if (load == "forking") {
    for (;;) (void)fork();  // They make each other.
  }
  waitFor(begin);
  if (load == "spinning") {
    for (volatile unsigned long i = 0;;) i = i + 1;
  }
  if (load == "populating") populate();
  for (;;) pause();
}

// The first process of an agent: one of `many`, or of half as many pairs.
[[noreturn]] void lead(const std::string& load, int many, int gate, int begin) {
  char go = 0;
  if (read(gate, &go, 1) != 1) _exit(1);
  const bool isPairs = load == "waiting" || load == "asking";
  const int others = load == "forking" ? 0 : (isPairs ? many / 2 : many) - 1;
  for (int i = 0; i < others; ++i) {
    if (fork() == 0) work(load, begin);
  }
  work(load, begin);
}

// ---- groups and the program

class World {
 public:
  World(const std::string& bin, const std::string& load, int agents, int processes)
      : load_(load), agents_(agents), processes_(processes) {
    tree_.emplace(must(CgroupTree::open(features_, name_, UniqueFd(dup(root_.get())))));
    if (chmod(base_.path().c_str(), 0755) != 0) fail("chmod");
    program_ = fork();
    if (program_ == 0) {
      const std::string file = bin + "/ringfence-stop", run = base_.path() + "/run", state = base_.path() + "/state";
      const int null = open("/dev/null", O_WRONLY);
      dup2(null, STDERR_FILENO);
      execl(file.c_str(), file.c_str(), "--run-dir", run.c_str(), "--state-dir", state.c_str(), "--cgroup-root",
            name_.c_str(), nullptr);
      _exit(127);
    }
  }
  ~World() {
    endAgents();
    rawThaw();
    kill(program_, SIGTERM);
    waitpid(program_, nullptr, 0);
    for (int i = 0; i < 5000 && !tree_->removeBranches(); ++i) usleep(2000);
  }

  void startAgents() {
    sandbox::ResourceLimits limits;
    limits.pids = static_cast<std::uint64_t>(processes_);
    int begin[2];
    if (pipe2(begin, O_CLOEXEC) != 0) fail("pipe");
    for (int i = 0; i < agents_; ++i) {
      const RunId run = RunId::random();
      if (!tree_->createRun(run, kBackground)) fail("making a run");
      runs_.push_back(run);
      if (!tree_->setLimits(run, kBackground, limits)) fail("limiting a run");
      int gate[2];
      if (pipe2(gate, O_CLOEXEC) != 0) fail("pipe");
      const pid_t leader = fork();
      if (leader < 0) fail("forking an agent");
      if (leader == 0) {
        close(begin[1]);
        lead(load_, processes_, gate[0], begin[0]);
      }
      if (!tree_->join(run, kBackground, leader) || write(gate[1], "x", 1) != 1) fail("joining a run");
      close(gate[0]);
      close(gate[1]);
      leaders_.push_back(leader);
    }
    // Else they would wait for a machine with nothing else to do.
    setIdle("0");
    for (int i = 0; i < 60'000 && isTold == 0 && count() < agents_ * processes_; ++i) usleep(1000);
    setIdle("1");
    close(begin[0]);
    close(begin[1]);
    if (count() < agents_ * processes_) fail("only " + std::to_string(count()) + " processes came up");
  }
  void endAgents() {
    for (const RunId& run : runs_) (void)tree_->kill(run, kBackground);
    for (const pid_t leader : leaders_) {
      kill(leader, SIGKILL);  // One that never came into its group.
      waitpid(leader, nullptr, 0);
    }
    for (const RunId& run : runs_) {
      for (int i = 0; i < 5000 && !tree_->removeRun(run, kBackground); ++i) usleep(2000);
    }
    runs_.clear();
    leaders_.clear();
  }

  std::string ask(const std::string& request) const {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (base_.path() + "/run/stop.sock").c_str());
    for (int i = 0; connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0; ++i) {
      if (i == 5000) fail("ringfence-stop is not there");
      usleep(2000);
    }
    std::string answer(65536, '\0');
    if (send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) fail("asking");
    const ssize_t got = recv(socket.get(), answer.data(), answer.size(), 0);
    if (got <= 0) fail("no answer to " + request);
    answer.resize(static_cast<std::size_t>(got));
    return answer;
  }

  // After a release: every run by itself, and time for each of them to be at work again.
  void resumeAgents(std::mt19937& chance) {
    for (const RunId& run : runs_) (void)tree_->thaw(run, kBackground);
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + chance() % 60));
  }

  // The kernel's own: the same writes and looks, of a program that does nothing else. -1: it never said so.
  long rawFreeze() { return raw("cgroup.freeze", "frozen 1"); }
  long rawKill() {
    const auto begun = Steady::now();
    for (const RunId& run : runs_) (void)tree_->kill(run, kBackground);
    return untilSaid(begun, "populated 0");
  }
  void rawThaw() {
    for (const char* branch : {"-background", "-interactive"})
      (void)writeFileAt(AT_FDCWD, features_.unifiedMount + "/" + name_ + branch + "/cgroup.freeze", "0");
  }

 private:
  long raw(const char* file, const char* said) {
    const auto begun = Steady::now();
    for (const char* branch : {"-background", "-interactive"})
      (void)writeFileAt(AT_FDCWD, features_.unifiedMount + "/" + name_ + branch + "/" + file, "1");
    return untilSaid(begun, said);
  }
  long untilSaid(Steady::time_point begun, const char* said) const {
    const auto says = [&](const char* branch) {
      const auto text =
          readFileAt(AT_FDCWD, features_.unifiedMount + "/" + name_ + branch + "/cgroup.events", kibibytes(4));
      return text && text->find(said) != std::string::npos;
    };
    for (;;) {
      const timespec pause{.tv_sec = 0, .tv_nsec = 300'000};
      nanosleep(&pause, nullptr);
      if (says("-background") && says("-interactive")) return microseconds(Steady::now() - begun);
      if (Steady::now() - begun > std::chrono::seconds(30)) return -1;
    }
  }
  void setIdle(const char* value) {
    const auto processor = features_.controllers.find("cpu");
    if (processor == features_.controllers.end()) return;
    const std::string file = processor->second.mountPoint + "/" + name_ + "-background/cpu.idle";
    (void)writeFileAt(AT_FDCWD, file, value);  // Not on older kernels.
  }
  int count() const {
    std::size_t all = 0;
    for (const RunId& run : runs_) all += must(tree_->processes(run, kBackground)).size();
    return static_cast<int>(all);
  }

  UniqueFd root_{open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  sandbox::KernelFeatures features_ = sandbox::probeFeatures(root_.get());
  std::string name_ = "rf-bench-" + std::to_string(getpid());
  test::TempDir base_;
  std::optional<CgroupTree> tree_;
  std::string load_;
  int agents_, processes_;
  pid_t program_ = 0;
  std::vector<RunId> runs_;
  std::vector<pid_t> leaders_;
};

// ---- rounds

std::string field(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\":";
  const std::size_t at = json.find(key);
  if (at == std::string::npos) fail("no " + name + " in " + json);
  const std::size_t begin = at + key.size();
  return json.substr(begin, json.find_first_of(",}", begin) - begin);
}

void print(const std::string& load, const std::string& answer, long answered, long raw) {
  std::printf(
      R"({"load":"%s","write_usec":%s,"took_usec":%s,"answer_usec":%ld,"verified":%s,"processes":%s,"raw_usec":%s})"
      "\n",
      load.c_str(), field(answer, "write_usec").c_str(), field(answer, "took_usec").c_str(), answered,
      field(answer, "verified").c_str(), field(answer, "processes").c_str(),
      raw < 0 ? "null" : std::to_string(raw).c_str());
  std::fflush(stdout);
}

struct Answered {
  std::string answer;
  long usec;
};
Answered timed(const World& world, const std::string& request) {
  const auto begun = Steady::now();
  std::string answer = world.ask(request);
  return {std::move(answer), microseconds(Steady::now() - begun)};
}

void measureFreezes(World& world, const std::string& load, int rounds) {
  const bool kernelSaysSo = load != "waiting" && load != "asking";
  std::mt19937 chance(1);
  world.startAgents();
  (void)world.ask("status");
  for (int i = 0; i < rounds; ++i) {
    if (isTold != 0) fail("told to end");
    long raw = -1;
    const bool isRawFirst = chance() % 2 == 0;
    const auto takeRaw = [&] {
      if (!kernelSaysSo) return;
      raw = world.rawFreeze();
      world.rawThaw();
      world.resumeAgents(chance);
    };
    if (isRawFirst) takeRaw();
    const Answered stop = timed(world, "stop");
    (void)world.ask("release");
    world.resumeAgents(chance);
    if (!isRawFirst) takeRaw();
    print(load, stop.answer, stop.usec, raw);
  }
}

void measureKills(World& world, int rounds) {
  (void)world.ask("status");
  for (int i = 0; i < rounds; ++i) {
    if (isTold != 0) fail("told to end");
    world.startAgents();
    const long raw = world.rawKill();
    world.endAgents();
    world.startAgents();
    const Answered killed = timed(world, "kill");
    (void)world.ask("release");
    world.endAgents();
    print("kill", killed.answer, killed.usec, raw);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 6) return std::fputs("usage: stop_bench BIN_DIR ROUNDS AGENTS PROCESSES LOAD…\n", stderr), 2;
  const int rounds = std::atoi(argv[2]), agents = std::atoi(argv[3]), processes = std::atoi(argv[4]);
  struct sigaction told {};
  told.sa_handler = [](int) { isTold = 1; };
  for (const int signal : {SIGTERM, SIGINT}) (void)sigaction(signal, &told, nullptr);
  // As the program that is measured: before every agent.
  const sched_param lowest{.sched_priority = sched_get_priority_min(SCHED_FIFO)};
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) != 0)
    std::fputs("stop_bench: without a real-time priority\n", stderr);
  for (int i = 5; i < argc; ++i) {
    World world(argv[1], argv[i], agents, processes);
    if (std::string(argv[i]) == "kill")
      measureKills(world, rounds);
    else
      measureFreezes(world, argv[i], rounds);
  }
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "stop_bench: %s\n", problem.what());
  return 1;
}
