#include <fcntl.h>
#include <spawn.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <latch>
#include <thread>

#include "tests/sandbox/warden/exec_world.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using test::ExecTally;
using test::ExecWorld;
using test::Mediation;
using test::Reply;
using test::runProgram;

namespace {

// Files that the cases below execute.
class Programs {
 public:
  Programs() {
    script("plain", "#!/bin/echo\n");
    script("with_argument", "#!/bin/echo  one argument \n");
    script("no_newline", "#!/bin/echo cut");
    script("relative_interpreter", "#!sub/inner again\n");
    script("sub/inner", "#!/bin/echo inner\n");
    script("missing_interpreter", "#!/nowhere/at/all\n");
    script("interpreter_is_data", "#!" + path("data") + "\n");
    script("round", "#!" + path("round") + "\n");
    script("no_format", "echo from a shell\n");
    script("empty", "");
    script("blank", "#!   \n");
    script("cut_name", "#!/" + std::string(300, 'x') + "\n");
    script("long_argument", "#!/bin/echo " + std::string(300, 'y') + "\n");
    (void)directory_.write("data", "no program");
    script("deep0", "#!/bin/echo deep\n");
    for (int i = 1; i <= 7; ++i)
      script("deep" + std::to_string(i), "#!" + path("deep" + std::to_string(i - 1)) + " " + std::to_string(i) + "\n");
    REQUIRE(::symlink("plain", path("link").c_str()) == 0);
    REQUIRE(::symlink("loop", path("loop").c_str()) == 0);
  }
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  const std::string& directory() const { return directory_.path(); }

 private:
  void script(const std::string& name, const std::string& text) const {
    REQUIRE(::chmod(directory_.write(name, text).c_str(), 0755) == 0);
  }
  test::TempDir directory_;
};

struct Case {
  const char* name;
  std::function<int()> program;  // executes, or returns errno
};

int runAt(int directory, const char* path, int flags, std::vector<std::string> argv) {
  auto pointers = test::argumentPointers(argv);
  (void)::syscall(SYS_execveat, directory, path, pointers.data(), environ, flags);
  return errno;
}

// Descriptors are opened by the program itself, so that they have the same numbers on both sides.
int openIn(const Programs& programs, const std::string& name, int flags) {
  return ::open(programs.path(name).c_str(), flags);
}

std::vector<Case> pathCases(const Programs& p) {
  const auto at = [&p](const char* name) {
    return [&p, name] { return runProgram(p.path(name), {name, "a", "", "b c"}); };
  };
  return {
      {"a binary",
       [] {
         return runProgram("/bin/echo", {"echo", "a", "", "b"});
       }},
      {"a script", at("plain")},
      {"a script with an argument", at("with_argument")},
      {"a script without an end of line", at("no_newline")},
      {"an interpreter that is a relative script", at("relative_interpreter")},
      {"an interpreter's argument that is too long", at("long_argument")},
      {"an interpreter's name that is too long", at("cut_name")},
      {"a missing interpreter", at("missing_interpreter")},
      {"an interpreter that is no program", at("interpreter_is_data")},
      {"five interpreters", at("deep4")},
      {"six interpreters", at("deep5")},
      {"seven interpreters", at("deep6")},
      {"eight interpreters", at("deep7")},
      {"a script that is its own interpreter", at("round")},
      {"no format", at("no_format")},
      {"an empty file", at("empty")},
      {"a script without a name", at("blank")},
      {"a file that may not be executed", at("data")},
      {"a symbolic link", at("link")},
      {"a loop of links", at("loop")},
      {"nothing", at("absent")},
      {"a file as a directory", at("data/x")},
      {"a directory", at("sub")},
      {"an empty path", [] { return runProgram("", {"x"}); }},
      {"a path that is too long", [] { return runProgram("/" + std::string(5000, 'x'), {"x"}); }},
      {"the longest path", [] { return runProgram("/" + std::string(4094, 'x'), {"x"}); }},
      {"a relative path",
       [] {
         return runProgram("./plain", {"x", "y"});
       }},
      {"a relative path of a script below",
       [] {
         return runProgram("sub/../sub/inner", {"x", "y"});
       }},
      {"a search without a format", [] { return test::runSearched("no_format", {"no_format"}); }},
      {"a search",
       [] {
         return test::runSearched("plain", {"plain", "z"});
       }},
  };
}

std::vector<Case> argumentCases() {
  return {
      {"no arguments", [] { return runProgram("/bin/true", {}); }},
      {"a null argv",
       [] {
         ::syscall(SYS_execve, "/bin/true", nullptr, nullptr);
         return errno;
       }},
      {"a path that is no address",
       [] {
         ::syscall(SYS_execve, 16, nullptr, nullptr);
         return errno;
       }},
      {"an argv that is no address",
       [] {
         ::syscall(SYS_execve, "/bin/true", 16, nullptr);
         return errno;
       }},
      {"an argument that is no address",
       [] {
         const std::array<std::uintptr_t, 3> argv{reinterpret_cast<std::uintptr_t>("x"), 16, 0};
         ::syscall(SYS_execve, "/bin/true", argv.data(), nullptr);
         return errno;
       }},
      {"an argument of 200 KiB",
       [] {
         return runProgram("/bin/true", {"true", std::string(200 << 10, 'x')});
       }},
      {"an argument of 100 KiB",
       [] {
         return runProgram("/bin/echo", {"echo", std::string(100 << 10, 'x')});
       }},
      {"arguments of 1 MiB together",
       [] { return runProgram("/bin/echo", std::vector<std::string>(16, std::string(64 << 10, 'x'))); }},
      {"more arguments than there may be",
       [] { return runProgram("/bin/true", std::vector<std::string>(200, std::string(100 << 10, 'x'))); }},
      {"20,000 arguments", [] { return runProgram("/bin/echo", std::vector<std::string>(20'000, "y")); }},
  };
}

std::vector<Case> descriptorCases(const Programs& p) {
  const int atNoFollow = AT_SYMLINK_NOFOLLOW;
  return {
      {"a directory's descriptor",
       [&p] {
         return runAt(openIn(p, ".", O_PATH), "plain", 0, {"x", "y"});
       }},
      {"a directory's descriptor that is closed",
       [&p] {
         return runAt(openIn(p, ".", O_PATH | O_CLOEXEC), "plain", 0, {"x", "y"});
       }},
      {"a directory's descriptor and a binary",
       [] {
         return runAt(::open("/bin", O_PATH | O_CLOEXEC), "echo", 0, {"x", "y"});
       }},
      {"a link that is not to be followed",
       [&p, atNoFollow] { return runAt(openIn(p, ".", O_PATH), "link", atNoFollow, {"x"}); }},
      {"no link, none to be followed",
       [&p, atNoFollow] {
         return runAt(openIn(p, ".", O_PATH), "plain", atNoFollow, {"x", "y"});
       }},
      {"an absolute path and a descriptor",
       [] {
         return runAt(77, "/bin/echo", 0, {"x", "y"});
       }},
      {"a wrong descriptor", [] { return runAt(77, "plain", 0, {"x"}); }},
      {"a descriptor of a file", [&p] { return runAt(openIn(p, "data", O_RDONLY), "plain", 0, {"x"}); }},
      {"an unknown flag", [] { return runAt(AT_FDCWD, "/bin/true", 0x4000'0000, {"x"}); }},
      {"the program itself",
       [] {
         return runProgram("/bin/sh", {"sh", "-c", "exec /proc/self/exe -c 'echo me'"});
       }},
      {"a descriptor by /proc",
       [] {
         const int fd = ::open("/bin/echo", O_PATH);
         return runProgram("/proc/self/fd/" + std::to_string(fd), {"x", "y"});
       }},
      {"a descriptor by /dev/fd",
       [] {
         const int fd = ::open("/bin/echo", O_PATH);
         return runProgram("/dev/fd/" + std::to_string(fd), {"x", "y"});
       }},
      {"a way through /proc",
       [] {
         return runProgram("/proc/self/root/bin/echo", {"echo", "through"});
       }},
      {"itself by its number",
       [] {
         return runProgram("/bin/sh", {"sh", "-c", "exec /proc/$$/exe -c 'echo numbered'"});
       }},
  };
}

void checkSame(const Programs& programs, const std::vector<Case>& cases) {
  ExecWorld world;
  for (const Case& one : cases) {
    INFO(one.name);
    const auto program = [&] {
      (void)!::chdir(programs.directory().c_str());
      (void)::setenv("PATH", (programs.directory() + ":/usr/bin:/bin").c_str(), 1);
      return one.program();
    };
    const ExecTally natively = world.run(Mediation::kNone, program);
    const ExecTally mediated = world.run(Mediation::kVerified, program);
    CHECK(test::exitCode(natively.status) == test::exitCode(mediated.status));
    CHECK(natively.output == mediated.output);
    CHECK(mediated.notified > 0);
    CHECK(mediated.count(ExecOutcome::End::kExchanged) == 0);
    CHECK(mediated.count(ExecOutcome::End::kUntraceable) == 0);
  }
}

int waitFor(pid_t child) {
  int status = 0;
  return ::waitpid(child, &status, 0) == child ? test::exitCode(status) : -1;
}

}  // namespace

TEST_CASE("a mediated exec gives what it gives natively, for every kind of path and script") {
  const Programs programs;
  checkSame(programs, pathCases(programs));
}

TEST_CASE("a mediated exec gives what it gives natively, for every kind of arguments") {
  const Programs programs;
  checkSame(programs, argumentCases());
}

TEST_CASE("a mediated exec gives what it gives natively, for descriptors and for links of /proc") {
  const Programs programs;
  checkSame(programs, descriptorCases(programs));
}

TEST_CASE("a program without a path is refused: a descriptor alone, a deleted file") {
  ExecWorld world;
  const test::TempDir directory;
  const std::vector<Case> cases = {
      {"a descriptor", [] { return runAt(::open("/bin/true", O_PATH), "", AT_EMPTY_PATH, {"x"}); }},
      {"a deleted file",
       [&] {
         const std::string path = directory.write("x", "#!/bin/true\n");
         (void)::chmod(path.c_str(), 0755);
         const int fd = ::open(path.c_str(), O_PATH);
         (void)::unlink(path.c_str());
         return runProgram("/proc/self/fd/" + std::to_string(fd), {"x"});
       }},
  };
  for (const Case& one : cases) {
    INFO(one.name);
    const auto tally = world.run(Mediation::kVerified, one.program);
    CHECK(test::exitCode(tally.status) == EACCES);
    CHECK(tally.notified == 1);
  }
}

TEST_CASE("children of vfork and posix_spawn, and threads, execute as natively") {
  const std::vector<Case> cases = {
      {"vfork",
       [] {
         std::vector<std::string> argv{"echo", "from vfork"};
         auto pointers = test::argumentPointers(argv);
         const pid_t child = ::vfork();
         if (child == 0) {
           ::execv("/bin/echo", pointers.data());
           ::_exit(99);
         }
         return waitFor(child);
       }},
      {"posix_spawn",
       [] {
         std::vector<std::string> argv{"echo", "from posix_spawn"};
         auto pointers = test::argumentPointers(argv);
         pid_t child = 0;
         if (::posix_spawn(&child, "/bin/echo", nullptr, nullptr, pointers.data(), environ) != 0) return 98;
         return waitFor(child);
       }},
      {"posix_spawn of nothing",
       [] {
         std::vector<std::string> argv{"x"};
         auto pointers = test::argumentPointers(argv);
         pid_t child = 0;
         return ::posix_spawn(&child, "/nowhere", nullptr, nullptr, pointers.data(), environ);
       }},
      {"another thread than the first",
       [] {
         std::thread([] { ::_exit(runProgram("/bin/echo", {"echo", "from a thread"})); }).join();
         return 97;
       }},
      {"the first of several threads",
       [] {
         std::thread([] {
           for (;;) ::pause();
         }).detach();
         return runProgram("/bin/echo", {"echo", "with a thread beside"});
       }},
      {"a thread whose exec fails",
       [] {
         int result = 0;
         std::thread([&] { result = runProgram("/bin", {"x"}); }).join();
         return result;
       }},
      {"an exec that the kernel refuses, then another",
       [] {
         (void)runProgram("/bin/true", std::vector<std::string>(200, std::string(100 << 10, 'x')));
         return runProgram("/bin/echo", {"echo", "second"});
       }},
  };
  const Programs programs;
  checkSame(programs, cases);
}

TEST_CASE("threads that execute at the same time end as one of the programs") {
  ExecWorld world;
  for (int round = 0; round < 50; ++round) {
    const auto tally = world.run(Mediation::kVerified, [] {
      std::vector<std::thread> threads;
      // While one of them executes, none can be made.
      std::latch made(4);
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          made.arrive_and_wait();
          (void)runProgram("/bin/echo", {"echo", "once"});
        });
      }
      for (std::thread& thread : threads) thread.join();
      return 96;
    });
    CHECK(tally.output == "once\n");
    CHECK(test::exitCode(tally.status) == 0);
    CHECK(tally.count(ExecOutcome::End::kRan) == 1);
    CHECK(tally.count(ExecOutcome::End::kExchanged) == 0);
  }
}

TEST_CASE("a shell with many children at once runs all of them") {
  ExecWorld world;
  const std::string line = "for i in $(seq 100); do /bin/echo $i & done; wait";
  const auto tally = world.run(Mediation::kVerified, [&] { return runProgram("/bin/sh", {"sh", "-c", line}); });
  CHECK(std::count(tally.output.begin(), tally.output.end(), '\n') == 100);
  CHECK(tally.count(ExecOutcome::End::kRan) == 102);
}

TEST_CASE("a signal that stops or is handled while an exec is under way keeps its meaning") {
  ExecWorld world;
  const auto tally = world.run(Mediation::kVerified, [] {
    const pid_t child = ::fork();
    if (child == 0) {
      (void)::raise(SIGSTOP);
      return runProgram("/bin/echo", {"echo", "went on"});
    }
    int status = 0;
    (void)::waitpid(child, &status, WUNTRACED);
    if (!WIFSTOPPED(status)) return 95;
    (void)::kill(child, SIGCONT);
    return waitFor(child);
  });
  CHECK(tally.output == "went on\n");
  CHECK(test::exitCode(tally.status) == 0);
}

TEST_CASE("a caller that is killed after its call proceeded is seen by its parent, and nothing stays behind") {
  ExecWorld world;
  world.afterAdmit = [](const Notification& call) { (void)::kill(call.thread, SIGKILL); };
  const auto tally = world.run(Mediation::kVerified, [] { return runProgram("/bin/sleep", {"sleep", "60"}); });
  CHECK(test::exitCode(tally.status) == 128 + SIGKILL);
  CHECK(tally.outcomes.size() == 1);
}

TEST_CASE("a caller that somebody else traces is refused: nobody could verify it") {
  ExecWorld world;
  const auto tally = world.run(Mediation::kVerified, [] {
    const pid_t child = ::fork();
    if (child == 0) {
      (void)::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::_exit(runProgram("/bin/echo", {"echo", "ran"}));
    }
    return waitFor(child);
  });
  CHECK(tally.output.empty());
  CHECK(test::exitCode(tally.status) == EACCES);
  CHECK(tally.count(ExecOutcome::End::kUntraceable) == 1);
}

TEST_CASE("a call that is interrupted in the kernel and made again is not asked about twice") {
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo"}, .decide = policy::Decision::kAsk});
  ExecWorld world(document);
  world.interruptions = 3;
  world.person = [](const policy::Action&) { return Reply{.kind = Reply::Kind::kAllow}; };
  const auto tally = world.run(Mediation::kVerified, [] { return runProgram("/bin/echo", {"echo", "asked once"}); });
  CHECK(tally.output == "asked once\n");
  CHECK(tally.asked.size() == 1);
  CHECK(tally.count(ExecOutcome::End::kAgain) == 3);
  CHECK(tally.count(ExecOutcome::End::kRan) == 1);
}

TEST_CASE("a call that is made again is asked about when its path leads to another program by now") {
  const test::TempDir directory;
  const std::string link = directory.path() + "/tool";
  REQUIRE(::symlink("/bin/pwd", link.c_str()) == 0);
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo"}, .decide = policy::Decision::kAsk});
  ExecWorld world(document);
  world.interruptions = 1;
  world.afterAdmit = [&](const Notification&) {
    (void)::unlink(link.c_str());
    (void)!::symlink("/bin/echo", link.c_str());
  };
  const auto tally = world.run(Mediation::kVerified, [&] { return runProgram(link, {"tool", "unasked"}); });
  CHECK(tally.count(ExecOutcome::End::kAgain) == 1);
  CHECK(tally.asked.size() == 1);
  CHECK(tally.output.empty());
  CHECK(test::exitCode(tally.status) == EPERM);
}

TEST_CASE("a person is told which program it is and what it is given, by whatever name it is called") {
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo"}, .decide = policy::Decision::kAsk});
  ExecWorld world(document);
  const auto tally = world.run(Mediation::kVerified, [] {
    (void)!::chdir("/usr");
    return runProgram("../bin/echo", {"other name", "x"});
  });
  CHECK(test::exitCode(tally.status) == EPERM);
  REQUIRE(tally.asked.size() == 1);
  CHECK(tally.asked.front().target == "/usr/bin/echo");
  CHECK(tally.asked.front().argv == std::vector<std::string>{"other name", "x"});
}
