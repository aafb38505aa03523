// Execs with the real warden: what is judged, asked, corrected, recorded and told.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

policy::Document running(std::vector<policy::ExecRule> rules = {}) {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.read.push_back({.pattern = "/usr", .origin = {}});
  document.exec = std::move(rules);
  return document;
}

policy::ExecRule rule(policy::Decision decide, std::vector<std::string> rewrite = {}) {
  return {.match = {"touch"},
          .decide = decide,
          .why = "because",
          .origin = {.file = "/p.toml", .line = 7, .text = "rule"},
          .rewrite = std::move(rewrite)};
}

// Runs `touch /mnt/NAME` in a child; what the child ended with, or errno when it could not execute.
int touches(const char* name) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string path = std::string("/mnt/") + name;
    ::execl("/usr/bin/touch", "touch", path.c_str(), nullptr);
    ::_exit(errno);
  }
  int status = 0;
  (void)::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool exists(const World& world, const char* name) {
  return ::access((world.directory() + "/" + name).c_str(), F_OK) == 0;
}

bool waitUntilExists(const World& world, const char* name) {
  for (int tries = 0; tries < 1000 && !exists(world, name); ++tries) ::usleep(10'000);
  return exists(world, name);
}

}  // namespace

TEST_CASE("an exec that the policy allows runs, and the ring has its program and arguments") {
  World world({.document = running(), .notified = Notified::kExec});
  CHECK(world.run([] { return touches("a"); }) == 0);
  CHECK(exists(world, "a"));
  const auto allowed = world.allowed();
  REQUIRE(allowed.size() == 1);
  CHECK(allowed[0].action.what == "execve");
  CHECK(allowed[0].action.action.target == "/usr/bin/touch");
  CHECK(allowed[0].action.action.argv == std::vector<std::string>{"touch", "/mnt/a"});
}

TEST_CASE("an exec that the policy forbids is EACCES, recorded, and said to the agent") {
  World world({.document = running({rule(policy::Decision::kForbid)}), .notified = Notified::kExec});
  CHECK(world.run([] { return touches("a"); }) == EACCES);
  CHECK_FALSE(exists(world, "a"));
  const auto record = world.expect<Record>();
  CHECK(record.kind == RecordKind::kDenied);
  CHECK(record.action.action.argv == std::vector<std::string>{"touch", "/mnt/a"});
  CHECK(record.rule.origin.line == 7);
  CHECK(world.denials().find("\"op\":\"exec\"") != std::string::npos);
  CHECK(world.allowed().empty());
}

TEST_CASE("an asked exec waits for its answer: allowed it runs, denied it is EPERM") {
  for (const Outcome outcome : {Outcome::kAllowed, Outcome::kDenied, Outcome::kExpired}) {
    World world({.document = running({rule(policy::Decision::kAsk)}),
                 .notified = Notified::kExec,
                 .answer = [&](const Ask&) { return Answer{.outcome = outcome}; }});
    const int expected = outcome == Outcome::kAllowed ? 0 : outcome == Outcome::kDenied ? EPERM : EACCES;
    CHECK(world.run([] { return touches("a"); }) == expected);
    CHECK(exists(world, "a") == (outcome == Outcome::kAllowed));
    const auto ask = world.expect<Ask>();
    CHECK(ask.action.action.target == "/usr/bin/touch");
    CHECK(ask.action.chain.size() >= 2);
    CHECK_FALSE(ask.action.cwd.empty());
    CHECK(world.count<Ask>() == 1);
    if (outcome == Outcome::kAllowed) CHECK(world.expect<Performed>().sysErrno == 0);
  }
}

TEST_CASE("a refused program that is tried again under another name, as a PATH is searched, is not asked about again") {
  World world({.document = running({rule(policy::Decision::kAsk)}),
               .notified = Notified::kExec,
               .answer = [](const Ask&) { return Answer{.outcome = Outcome::kDenied}; }});
  CHECK(world.run([] {
    ::execl("/usr/bin/touch", "touch", "/mnt/a", nullptr);
    ::execl("/bin/touch", "touch", "/mnt/a", nullptr);
    const int again = errno;
    ::execl("/bin/touch", "touch", "/mnt/b", nullptr);
    return again;
  }) == EPERM);
  CHECK(world.count<Ask>() == 2);
  CHECK_FALSE(exists(world, "a"));
}

TEST_CASE("a person's other command line runs instead of the one that was asked about") {
  World world(
      {.document = running({rule(policy::Decision::kAsk)}), .notified = Notified::kExec, .answer = [](const Ask&) {
         return Answer{.outcome = Outcome::kRewritten, .rewrite = {.argv = {"touch", "/mnt/corrected"}}};
       }});
  CHECK(world.run([] { return touches("original"); }) == 0);
  CHECK(exists(world, "corrected"));
  CHECK_FALSE(exists(world, "original"));
  CHECK(world.count<Ask>() == 1);
  CHECK(world.expect<Performed>().sysErrno == 0);
}

TEST_CASE("a rule's other command line runs when it is recorded, and not before") {
  const policy::Document document = running({rule(policy::Decision::kRewrite, {"/usr/bin/touch", "/mnt/corrected"})});
  World world({.document = document, .notified = Notified::kExec, .records = Records::kLeft});
  world.start([] { return touches("original"); });
  const auto record = world.expect<Record>();
  CHECK(record.kind == RecordKind::kRewritten);
  CHECK(record.rewrite.argv == std::vector<std::string>{"/usr/bin/touch", "/mnt/corrected", "/mnt/original"});
  CHECK_FALSE(exists(world, "corrected"));
  world.send(Recorded{record.ticket});
  CHECK(world.finish() == 0);
  CHECK(exists(world, "corrected"));
  CHECK(exists(world, "original"));  // the words behind those that matched stay: an argument of the new command line
  CHECK(world.allowed().empty());
}

TEST_CASE("a question about an exec outlives its warden, and the answer is given to the call") {
  World world({.document = running({rule(policy::Decision::kAsk)}), .notified = Notified::kExec});
  world.start([] { return touches("a"); });
  const auto ask = world.expect<Ask>();
  world.killWarden();
  world.startWarden(true);
  world.sendRules(2);
  world.send(Answer{.ask = ask.ask, .outcome = Outcome::kAllowed});
  CHECK(world.finish() == 0);
  CHECK(exists(world, "a"));
}

TEST_CASE("an exec whose arguments are exchanged after it was allowed is killed and recorded as denied") {
  policy::ExecRule forbid = rule(policy::Decision::kForbid);
  forbid.match = {"touch", "/mnt/evil"};
  World world({.document = running({forbid}), .notified = Notified::kExec});
  const int killed = world.run([] {
    int caught = 0;
    for (int i = 0; i < 1000 && caught == 0; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        static char path[] = "/mnt/good";
        std::thread([] {
          for (;;) {
            std::ranges::copy(std::string_view("evil"), path + 5);
            for (int turn = 0; turn < 40; ++turn) std::atomic_signal_fence(std::memory_order_seq_cst);
            std::ranges::copy(std::string_view("good"), path + 5);
            for (int turn = 0; turn < 40; ++turn) std::atomic_signal_fence(std::memory_order_seq_cst);
          }
        }).detach();
        ::execl("/usr/bin/touch", "touch", path, nullptr);
        ::_exit(0);
      }
      int status = 0;
      (void)::waitpid(child, &status, 0);
      if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ++caught;
    }
    return caught;
  });
  CHECK(killed == 1);
  CHECK_FALSE(exists(world, "evil"));
  const auto record = world.expect<Record>([](const Record& each) { return each.rule.text == "exec"; });
  CHECK(record.kind == RecordKind::kDenied);
  CHECK(record.rule.why.find("exchanged") != std::string::npos);
}

TEST_CASE("a warden that is killed at any moment lets no exec run that it had not verified, and the next one goes on") {
  World world({.document = running(), .notified = Notified::kExec});
  const char* wanted = std::getenv("RINGFENCE_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 20;
  constexpr int kApart = 15;  // children from one kill to the next
  world.start([kills] {
    // Every child ends as its program or killed; nobody hangs.
    for (int i = 0; i < (kills + 5) * kApart; ++i) {
      const int ended = touches(("n" + std::to_string(i)).c_str());
      if (ended != 0 && ended != 128 + SIGKILL && ended != EIO) return ended;
    }
    return touches("last");
  });
  for (int round = 0; round < kills; ++round) {
    const std::string name = "n" + std::to_string(round * kApart);
    for (int tries = 0; tries < 200 && !exists(world, name.c_str()); ++tries) ::usleep(1'000);
    world.killWarden();
    world.startWarden(true);
    world.sendRules(static_cast<std::uint64_t>(round) + 2);
  }
  CHECK(world.finish() == 0);
  CHECK(waitUntilExists(world, "last"));
  WARN("kills: " << kills);
}

namespace {

// Executes `touch /mnt/NAME` with an environment that is read from memory which comes when `go` can be read: its exec
// is under way until then. Says so to `told`.
[[noreturn]] void touchSlowly(const char* name, int told, int go) {
  const int faults = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC));
  uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
  if (faults < 0 || ::ioctl(faults, UFFDIO_API, &api) != 0) ::_exit(101);
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uffdio_register range{
      .range = {reinterpret_cast<std::uint64_t>(page), 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING, .ioctls = 0};
  if (::ioctl(faults, UFFDIO_REGISTER, &range) != 0) ::_exit(102);
  alignas(4096) static char content[4096] = "A=b";
  std::thread([=] {
    pollfd fault{faults, POLLIN, 0};
    char byte = 0;
    if (::poll(&fault, 1, -1) != 1 || ::write(told, "t", 1) != 1 || ::read(go, &byte, 1) != 1) ::_exit(103);
    uffdio_copy copy{.dst = reinterpret_cast<std::uint64_t>(page),
                     .src = reinterpret_cast<std::uint64_t>(content),
                     .len = 4096,
                     .mode = 0,
                     .copy = 0};
    (void)::ioctl(faults, UFFDIO_COPY, &copy);
  }).detach();
  const std::string path = std::string("/mnt/") + name;
  char* const environment[] = {static_cast<char*>(page), nullptr};
  ::execle("/usr/bin/touch", "touch", path.c_str(), nullptr, environment);
  ::_exit(104);
}

}  // namespace

TEST_CASE("an exec that takes long keeps nobody else waiting") {
  World world({.document = running(), .notified = Notified::kExec, .rootTarget = true});
  CHECK(world.run([] {
    ::alarm(60);
    int told[2];
    int go[2];
    if (::pipe2(told, O_CLOEXEC) != 0 || ::pipe2(go, O_CLOEXEC) != 0) return 1;
    for (int i = 0; i < 3; ++i) {
      const pid_t slow = ::fork();
      if (slow == 0) touchSlowly("slow", told[1], go[0]);
      char byte = 0;
      if (::read(told[0], &byte, 1) != 1) return 2;
      if (touches("quick") != 0 || ::access("/mnt/slow", F_OK) == 0) return 3;
      int status = 0;
      if (::write(go[1], "g", 1) != 1 || ::waitpid(slow, &status, 0) != slow || status != 0) return 4;
      if (::unlink("/mnt/slow") != 0) return 5;
    }
    return 0;
  }) == 0);
  CHECK(exists(world, "quick"));
}
