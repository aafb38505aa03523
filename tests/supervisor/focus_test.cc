// Whose process may have the focus, and what happens to it, over a machine of files. What the kernel does with the
// writes is in focus_root_test.cc.
#include "supervisor/focus.h"

#include <fcntl.h>

#include <catch2/catch_all.hpp>
#include <filesystem>

#include "sdk/base/run_id.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

constexpr Peer kAda{1000}, kBob{1001}, kRoot{0, true};

struct Machine {
  test::TempDir dir;
  UniqueFd root;
  sandbox::KernelFeatures features;
  ManualClock clock{{Microseconds{1'000'000'000}, Microseconds{1'000'000}, Microseconds{1'000'000}}};
  std::vector<std::string> said;
  std::optional<Focus> focus;

  Machine() : root(::open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    features.unifiedMount = "/groups";
    features.controllers["memory"] = {2, "/groups"};
    process(10, 1000, "/user.slice/user-1000.slice/game.scope");
    process(11, 1000, "/user.slice/user-1000.slice/editor.scope");
    process(12, 1001, "/user.slice/user-1001.slice/mail.scope");
    start();
  }
  void start() {
    focus.reset();
    focus.emplace(Focus::World{.clock = clock,
                               .root = root.get(),
                               .features = features,
                               .file = dir.path() + "/focus",
                               .bootId = "boot",
                               .say = [this](const std::string& line) { said.push_back(line); }});
  }
  void process(int pid, unsigned uid, const std::string& group, const std::string& state = "S") const {
    const std::string directory = "proc/" + std::to_string(pid), id = std::to_string(uid);
    const std::string ids = id + "\t" + id + "\t" + id + "\t" + id + "\n";
    dir.write(directory + "/status", "Name:\tx\nUid:\t" + ids + "Gid:\t" + ids +
                                         "Groups:\t\nThreads:\t1\nNSpid:\t1\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\n"
                                         "CapBnd:\t0\nCapAmb:\t0\nNoNewPrivs:\t0\nSeccomp:\t0\n");
    dir.write(directory + "/stat", std::to_string(pid) + " (a) Z (x) " + state + " 1 1\n");
    dir.write(directory + "/cgroup", "0::" + group + "\n");
    // The kernel writes a number with a line's end; files keep what is longer.
    for (std::size_t at = group.find('/', 1);; at = group.find('/', at + 1)) {
      const std::string low = dir.path() + "/groups" + group.substr(0, at) + "/memory.low";
      if (!std::filesystem::exists(low)) dir.write(low.substr(dir.path().size() + 1), "0");
      if (at == std::string::npos) break;
    }
  }
  std::string low(const std::string& group) const {
    return test::readFile(dir.path() + "/groups/user.slice/" + group + "/memory.low");
  }
  auto set(const Peer& peer, int pid) {
    clock.advance(Milliseconds(300));
    return focus->set(peer, pid, mebibytes(4));
  }
};

const std::string kGame = "user-1000.slice/game.scope", kEditor = "user-1000.slice/editor.scope",
                  kMail = "user-1001.slice/mail.scope", kFourMiB = "4194304";

}  // namespace

TEST_CASE("one process on the machine has the focus, and the one before it is as it was") {
  Machine machine;
  REQUIRE(machine.set(kAda, 10));
  CHECK(machine.low(kGame) == kFourMiB);
  CHECK(machine.low(".") == kFourMiB);
  REQUIRE(machine.set(kAda, 11));
  CHECK(machine.low(kGame).starts_with("0"));
  CHECK(machine.low(kEditor) == kFourMiB);
  REQUIRE(machine.set(kBob, 12));
  CHECK(machine.low(kEditor).starts_with("0"));
  CHECK(machine.low("user-1000.slice").starts_with("0"));
  CHECK(machine.low(kMail) == kFourMiB);
}

TEST_CASE("a process of somebody else, one in a run and one that is not there never have the focus") {
  Machine machine;
  machine.process(13, 1000, "/ringfence-background/" + RunId::random().text() + "/agent");
  machine.process(14, 1000, "/shared");
  machine.process(15, 1001, "/shared");
  machine.dir.write("groups/shared/cgroup.procs", "14\n15\n");
  machine.process(16, 1000, "/user.slice/user-1000.slice/dead.scope", "Z");
  REQUIRE(machine.set(kAda, 10));
  for (const auto& [pid, code] : {std::pair{12, ErrorCode::kDenied},
                                  {13, ErrorCode::kDenied},
                                  {14, ErrorCode::kDenied},
                                  {16, ErrorCode::kNotFound},
                                  {99, ErrorCode::kNotFound}}) {
    CAPTURE(pid);
    const auto refused = machine.set(kAda, pid);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == code);
  }
  CHECK_FALSE(machine.set(kRoot, 13));  // an agent is none, whoever says so
  CHECK(machine.low(kGame) == kFourMiB);
  CHECK(machine.set(kRoot, 12));
}

TEST_CASE("the focus ends with its process, and whoever has its number later does not have it") {
  Machine machine;
  REQUIRE(machine.set(kAda, 10));
  CHECK_FALSE(machine.focus->nextWake(false));
  REQUIRE(machine.focus->nextWake(true));
  // What lived there goes, another comes.
  std::filesystem::rename(machine.dir.path() + "/proc/10", machine.dir.path() + "/proc/gone");
  std::filesystem::remove(machine.dir.path() + "/proc/gone/stat");
  machine.process(10, 1000, "/user.slice/user-1000.slice/other.scope");
  machine.clock.advance(std::chrono::seconds(3));
  machine.focus->wake();
  CHECK(machine.focus->report(kAda).pid == 0);
  CHECK(machine.low(kGame).starts_with("0"));
  CHECK_FALSE(std::filesystem::exists(machine.dir.path() + "/focus"));
}

TEST_CASE("the focus is cleared by whose process it is and by root, and others do not see it") {
  Machine machine;
  REQUIRE(machine.set(kAda, 10));
  CHECK(machine.focus->report(kAda).pid == 10);
  CHECK(machine.focus->report(kRoot).pid == 10);
  CHECK(machine.focus->report(kBob).pid == 0);
  CHECK_FALSE(machine.focus->clear(kBob));
  CHECK(machine.low(kGame) == kFourMiB);
  REQUIRE(machine.focus->clear(kAda));
  CHECK(machine.low(kGame).starts_with("0"));
  CHECK(machine.focus->clear(kBob));  // there is none
}

TEST_CASE("two changes of the focus are at least a fifth of a second apart, and the same again is no change") {
  Machine machine;
  REQUIRE(machine.set(kAda, 10));
  machine.clock.advance(Milliseconds(100));
  CHECK(machine.focus->set(kAda, 10, mebibytes(4)));
  const auto early = machine.focus->set(kAda, 11, mebibytes(4));
  REQUIRE_FALSE(early);
  CHECK(early.error().code == ErrorCode::kBusy);
  CHECK(machine.low(kGame) == kFourMiB);
  machine.clock.advance(Milliseconds(100));
  CHECK(machine.focus->set(kAda, 11, mebibytes(4)));
}

TEST_CASE("a daemon puts back at its end what it wrote, and at its start what one that was killed left") {
  Machine machine;
  REQUIRE(machine.set(kAda, 10));
  machine.focus.reset();
  CHECK(machine.low(kGame).starts_with("0"));
  CHECK_FALSE(std::filesystem::exists(machine.dir.path() + "/focus"));
  machine.start();
  CHECK(machine.said.empty());

  machine.dir.write("groups/left/memory.low", kFourMiB);
  machine.dir.write("groups/changed/memory.low", "8");
  const std::vector<sandbox::ProtectionWrite> writes{{"groups/left/memory.low", "", "0", kFourMiB},
                                                     {"groups/changed/memory.low", "", "0", kFourMiB}};
  machine.dir.write("focus", focusFileText("another boot", writes));
  machine.start();
  CHECK(test::readFile(machine.dir.path() + "/groups/left/memory.low") == kFourMiB);
  machine.dir.write("focus", focusFileText("boot", writes));
  machine.start();
  CHECK(test::readFile(machine.dir.path() + "/groups/left/memory.low").starts_with("0"));
  CHECK(test::readFile(machine.dir.path() + "/groups/changed/memory.low") == "8");
  CHECK_FALSE(machine.said.empty());
}

TEST_CASE("the file of the focus is read as it was written, and a broken line is left out") {
  const std::vector<sandbox::ProtectionWrite> writes{{"a/b\tc/io.weight", "default", "100", "500"},
                                                     {"a/memory.low", "", "0", "4096"}};
  const std::string text = focusFileText("boot", writes);
  CHECK(parseFocusFile("boot", text) == writes);
  CHECK(parseFocusFile("other", text).empty());
  CHECK(parseFocusFile("boot", text + "\t0\t1\ta/b").size() == 2);
  CHECK(parseFocusFile("boot", "boot\n\t0\t1\ta/../etc/x\n").empty());
  CHECK(parseFocusFile("boot", "boot\nx\n\n").empty());
  CHECK(parseFocusFile("boot", "").empty());
}
