// The focus on this machine's own kernel: what is written where memory is a v2 controller, and what is said where it is
// not.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>

#include "sandbox/kernel/features.h"
#include "sdk/base/io.h"
#include "supervisor/focus.h"
#include "tests/supervisor/meter/own_groups.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

constexpr std::uint32_t kUid = 700123;
constexpr Peer kPerson{kUid};

sandbox::KernelFeatures kernel() {
  const UniqueFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return sandbox::probeFeatures(root.get());
}

bool keepsMemory(const sandbox::KernelFeatures& features) {
  const auto memory = features.controllers.find("memory");
  return memory != features.controllers.end() && memory->second.version == 2;
}

// A person's program in a group of its own.
struct Program {
  std::string name = "rf-test-" + std::to_string(getpid()) + "-focus";
  test::OwnGroups groups = test::OwnGroups::make(name).value();
  pid_t pid = 0;

  Program() {
    const sandbox::KernelFeatures features = kernel();
    if (keepsMemory(features)) {  // Else the leaf is not counted.
      const std::string top = features.unifiedMount + "/" + name;
      REQUIRE(writeFileAt(AT_FDCWD, top + "/cgroup.subtree_control", "+memory"));
    }
    int ready[2];
    REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
      const bool there = groups.joinAsChild() && setresgid(kUid, kUid, kUid) == 0 && setresuid(kUid, kUid, kUid) == 0;
      const char word = there ? 'y' : 'n';
      (void)!write(ready[1], &word, 1);
      for (;;) pause();
    }
    close(ready[1]);
    char word = 0;
    REQUIRE(read(ready[0], &word, 1) == 1);
    close(ready[0]);
    REQUIRE(word == 'y');
  }
  ~Program() { end(); }
  void end() {
    if (pid == 0) return;
    kill(pid, SIGKILL);
    waitpid(std::exchange(pid, 0), nullptr, 0);
  }
};

struct Machine {
  test::TempDir dir;
  UniqueFd root{open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  sandbox::KernelFeatures features = kernel();
  ManualClock clock{{Microseconds{1'000'000'000}, Microseconds{1'000'000}, Microseconds{1'000'000}}};

  bool keepsMemory() const { return ::keepsMemory(features); }
  Focus::World world() {
    return {.clock = clock,
            .root = root.get(),
            .features = features,
            .file = dir.path() + "/focus",
            .bootId = "this",
            .say = [](const std::string&) {}};
  }
  std::string low(const Program& program, const std::string& below = "") const {
    const auto text =
        readFileAt(AT_FDCWD, features.unifiedMount + "/" + program.name + below + "/memory.low", kibibytes(4));
    return text ? text->substr(0, text->find('\n')) : "none";
  }
  std::string lows(const Program& program) const { return low(program) + " " + low(program, "/agent"); }
};

const std::string kEightMiB = "8388608 8388608";

}  // namespace

TEST_CASE("the kernel keeps memory for the program with the focus, as long as it lives, or it is said why not") {
  Program program;
  Machine machine;
  Focus focus(machine.world());
  const auto report = focus.set(kPerson, program.pid, mebibytes(8));
  REQUIRE(report);
  const auto memory = std::ranges::find(report->parts, "memory", &sandbox::ProtectionPlan::Part::what);
  REQUIRE(memory != report->parts.end());
  if (machine.keepsMemory()) {
    CHECK(memory->amount == "8.0 MiB");
    CHECK(machine.lows(program) == kEightMiB);
  } else {
    CHECK(memory->amount.empty());
    CHECK_FALSE(memory->why.empty());
    CHECK(machine.lows(program) == "none none");
  }
  program.end();
  machine.clock.advance(std::chrono::seconds(3));
  focus.wake();
  CHECK(focus.report(kPerson).pid == 0);
  CHECK(machine.lows(program) == (machine.keepsMemory() ? "0 0" : "none none"));
}

TEST_CASE("what a daemon that was killed left protected is put back by the next one") {
  const Program program;
  Machine machine;
  const pid_t daemon = fork();
  if (daemon == 0) {
    Focus focus(machine.world());
    const bool set = focus.set(kPerson, program.pid, mebibytes(8)).has_value();
    _exit(set ? 0 : 1);  // without its destructor, as when it is killed
  }
  int status = 0;
  REQUIRE(waitpid(daemon, &status, 0) == daemon);
  REQUIRE(status == 0);
  if (machine.keepsMemory()) CHECK(machine.lows(program) == kEightMiB);
  const Focus next(machine.world());
  CHECK(machine.lows(program) == (machine.keepsMemory() ? "0 0" : "none none"));
}

TEST_CASE("the own processes of one user are none of another's, and the root of the groups is never written to") {
  const Program program;
  Machine machine;
  Focus focus(machine.world());
  const auto refused = focus.set(Peer{kUid + 1}, program.pid, mebibytes(8));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kDenied);
  CHECK(machine.lows(program) == (machine.keepsMemory() ? "0 0" : "none none"));
  CHECK(readFileAt(AT_FDCWD, machine.features.unifiedMount + "/memory.low", kibibytes(4)).has_value() == false);
}
