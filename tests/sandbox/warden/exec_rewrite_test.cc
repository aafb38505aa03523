// An exec that is made another one: the corrected program runs once, the original never.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <thread>

#include "tests/sandbox/warden/exec_world.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using test::ExecWorld;
using test::Mediation;
using test::Reply;
using test::runProgram;

namespace {

policy::Document rewriting() {
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo", "original"},
                           .decide = policy::Decision::kRewrite,
                           .rewrite = {"/usr/bin/printf", "corrected %s\\n"}});
  return document;
}

int waitFor(pid_t child) {
  int status = 0;
  return ::waitpid(child, &status, 0) == child ? test::exitCode(status) : -1;
}

int original() { return runProgram("/bin/echo", {"echo", "original", "tail"}); }

}  // namespace

TEST_CASE("a rule's other command line runs once in place of what was wanted, from every kind of caller") {
  struct Caller {
    const char* name;
    std::function<int()> program;
  };
  const std::vector<Caller> callers = {
      {"a plain process", original},
      {"execveat with a descriptor",
       [] {
         std::vector<std::string> argv{"echo", "original", "tail"};
         auto pointers = test::argumentPointers(argv);
         (void)::syscall(SYS_execveat, ::open("/bin", O_PATH), "echo", pointers.data(), environ, 0);
         return errno;
       }},
      {"a child of vfork",
       [] {
         std::vector<std::string> argv{"echo", "original", "tail"};
         auto pointers = test::argumentPointers(argv);
         const pid_t child = ::vfork();
         if (child == 0) {
           ::execv("/bin/echo", pointers.data());
           ::_exit(99);
         }
         if (argv[1] != "original") return 94;  // the memory is ours too
         return waitFor(child);
       }},
      {"another thread than the first",
       [] {
         std::thread([] { ::_exit(original()); }).join();
         return 97;
       }},
      {"one of several threads",
       [] {
         for (int i = 0; i < 3; ++i)
           std::thread([] {
             for (;;) ::pause();
           }).detach();
         return original();
       }},
      {"a child on a stack of two pages",
       [] {
         // What lies beside a small stack is somebody else's and must stay as it is.
         constexpr std::size_t kPages = 64 << 10;
         auto* area = static_cast<unsigned char*>(
             ::mmap(nullptr, kPages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
         std::fill(area, area + kPages / 2, static_cast<unsigned char>(0xa5));
         const auto child = ::clone([](void*) { return original(); }, area + kPages / 2 + (8 << 10),
                                    CLONE_VM | CLONE_VFORK | SIGCHLD, nullptr);
         if (std::any_of(area, area + kPages / 2, [](unsigned char byte) { return byte != 0xa5; })) return 93;
         return waitFor(child);
       }},
  };
  ExecWorld world(rewriting());
  for (const Caller& caller : callers) {
    INFO(caller.name);
    const auto tally = world.run(Mediation::kVerified, caller.program);
    CHECK(tally.output == "corrected tail\n");
    CHECK(test::exitCode(tally.status) == 0);
    CHECK(tally.count(ExecOutcome::End::kCorrected) == 1);
    CHECK(tally.count(ExecOutcome::End::kRan) == 1);
    CHECK(tally.broken == 0);
  }
}

TEST_CASE("a person's other command line is run, found on the caller's PATH or where it says") {
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo"}, .decide = policy::Decision::kAsk});
  ExecWorld world(document);
  const std::vector<std::vector<std::string>> replies = {
      {"/usr/bin/printf", "%s", "said"}, {"printf", "%s", "said"}, {"echo", "-n", "said"}};
  for (const auto& argv : replies) {
    INFO(argv.front());
    world.person = [&](const policy::Action&) { return Reply{.kind = Reply::Kind::kRewrite, .argv = argv}; };
    const auto tally = world.run(Mediation::kVerified, original);
    CHECK(tally.output == "said");
    CHECK(tally.asked.size() == 1);
  }
}

TEST_CASE("what the policy forbids is not run by a person's correction either, and nothing is run in its place") {
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo"}, .decide = policy::Decision::kAsk});
  document.exec.push_back({.match = {"printf"}, .decide = policy::Decision::kForbid});
  ExecWorld world(document);
  for (const char* program : {"printf", "nowhere-to-be-found"}) {
    world.person = [&](const policy::Action&) { return Reply{.kind = Reply::Kind::kRewrite, .argv = {program}}; };
    const auto tally = world.run(Mediation::kVerified, original);
    CHECK(tally.output.empty());
    CHECK(test::exitCode(tally.status) == EACCES);
  }
}

TEST_CASE("signals that come while an exec is corrected are handled, and the corrected one still runs once") {
  ExecWorld world(rewriting());
  for (int round = 0; round < 100; ++round) {
    const auto tally = world.run(Mediation::kVerified, [] {
      struct sigaction action {};
      action.sa_handler = [](int) {
        // A handler that uses much of the stack below.
        volatile unsigned char local[8 << 10];
        for (volatile unsigned char& byte : local) byte = 0x5a;
      };
      // Without it a call that nobody has received yet ends with EINTR, notified or not.
      action.sa_flags = SA_RESTART;
      (void)::sigaction(SIGALRM, &action, nullptr);
      const itimerval often{{0, 50}, {0, 50}};
      (void)::setitimer(ITIMER_REAL, &often, nullptr);
      const pid_t child = ::fork();
      if (child == 0) {
        (void)::setitimer(ITIMER_REAL, &often, nullptr);
        ::_exit(original());
      }
      for (;;) {
        int status = 0;
        if (::waitpid(child, &status, 0) == child) return test::exitCode(status);
      }
    });
    std::string seen = "outcomes:";
    for (const ExecOutcome& outcome : tally.outcomes)
      seen +=
          " " + std::to_string(static_cast<int>(outcome.end)) + "/" + std::to_string(outcome.error) + " " + outcome.why;
    INFO(seen << " status " << tally.status << " broken " << tally.broken << " notified " << tally.notified);
    CHECK(tally.output.find("original") == std::string::npos);
    // A timer survives an exec, and its signal then ends the program: not ours to prevent.
    const bool ran = tally.output == "corrected tail\n";
    CHECK((ran || test::exitCode(tally.status) == 128 + SIGALRM));
    CHECK(tally.count(ExecOutcome::End::kExchanged) == 0);
    CHECK(tally.count(ExecOutcome::End::kRan) == 1);
  }
}

TEST_CASE("a corrected command line that another thread exchanges ends the process, and neither runs") {
  ExecWorld world(rewriting());
  world.beforeReading = [](const Notification& call) {
    // As a sibling thread would, that found the new arguments in its memory.
    std::array<char, 16> path{};
    iovec local{path.data(), path.size()};
    iovec remote{reinterpret_cast<void*>(call.arguments[0]), path.size()};
    if (::process_vm_readv(call.thread, &local, 1, &remote, 1, 0) <= 0 || path[path.size() - 1] != 0) return;
    if (std::string_view(path.data()).find("printf") == std::string_view::npos) return;
    std::string other = "/bin/pwd";
    local = {other.data(), other.size() + 1};
    (void)::process_vm_writev(call.thread, &local, 1, &remote, 1, 0);
  };
  const auto tally = world.run(Mediation::kVerified, [] {
    return waitFor([] {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(original());
      return child;
    }());
  });
  CHECK(tally.output.empty());
  CHECK(test::exitCode(tally.status) == 128 + SIGKILL);
  CHECK(tally.broken == 1);
}

TEST_CASE("a corrected command whose path leads elsewhere when it is made ends the process, and neither runs") {
  const test::TempDir directory;
  const std::string link = directory.path() + "/tool";
  REQUIRE(::symlink("/bin/pwd", link.c_str()) == 0);
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo"}, .decide = policy::Decision::kRewrite, .rewrite = {link}});
  document.exec.push_back({.match = {"printf"}, .decide = policy::Decision::kAsk});
  ExecWorld world(document);
  int calls = 0;
  world.beforeReading = [&](const Notification&) {
    if (++calls != 2) return;
    (void)::unlink(link.c_str());
    (void)!::symlink("/usr/bin/printf", link.c_str());
  };
  const auto tally = world.run(Mediation::kVerified, [] {
    return waitFor([] {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(runProgram("/bin/echo", {"echo", "unasked"}));
      return child;
    }());
  });
  CHECK(calls == 2);
  CHECK(tally.output.empty());
  CHECK(tally.broken == 1);
}

TEST_CASE("a corrected exec that the kernel refuses leaves the caller with its own registers and that error") {
  const test::TempDir directory;
  const std::string program = directory.write("gone", "#!/bin/true\n");
  REQUIRE(::system(("cp /bin/true " + program + " && chmod 755 " + program).c_str()) == 0);
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo"}, .decide = policy::Decision::kRewrite, .rewrite = {program}});
  ExecWorld world(document);
  // Between judging and the kernel's own look the file loses its permission.
  world.beforeAdmit = [&](const Notification&) { (void)::chmod(program.c_str(), 0); };
  const auto tally = world.run(Mediation::kVerified, [] {
    char name[] = "echo";
    char* argv[] = {name, nullptr};
    const char* path = "/bin/echo";
    char* const* arguments = argv;
    long result = SYS_execve;
#if defined(__x86_64__)
    register char** environment asm("rdx") = environ;
    asm volatile("syscall" : "+a"(result), "+D"(path), "+S"(arguments) : "r"(environment) : "rcx", "r11", "memory");
#else
    result = ::syscall(SYS_execve, path, argv, environ);
    result = result < 0 ? -errno : result;
#endif
    if (std::string_view(path) != "/bin/echo" || arguments != argv) return 92;
    return static_cast<int>(-result);
  });
  CHECK(test::exitCode(tally.status) == EACCES);
  CHECK(tally.count(ExecOutcome::End::kCorrected) == 1);
  CHECK(tally.count(ExecOutcome::End::kFailed) == 1);
}

TEST_CASE("a corrected call that is interrupted is made again as corrected") {
  ExecWorld world(rewriting());
  world.interruptions = 2;
  const auto tally = world.run(Mediation::kVerified, original);
  CHECK(tally.output == "corrected tail\n");
  CHECK(tally.count(ExecOutcome::End::kAgain) == 2);
}

TEST_CASE("without memory for the corrected arguments the call is refused and the original not made") {
  ExecWorld world(rewriting());
  const auto tally = world.run(Mediation::kVerified, [] {
    const rlimit none{0, 0};
    (void)::setrlimit(RLIMIT_AS, &none);
    char name[] = "echo";
    char word[] = "original";
    char* argv[] = {name, word, nullptr};
    ::execv("/bin/echo", argv);
    return errno;
  });
  CHECK(tally.output.empty());
  CHECK(test::exitCode(tally.status) == EACCES);
  CHECK(tally.count(ExecOutcome::End::kNotCorrected) == 1);
}

TEST_CASE("a correction that was taken back by a signal does not bind the caller's next exec") {
  ExecWorld world(rewriting());
  int received = 0;
  world.failInstead = [&](const Notification&) { return ++received == 2 ? EINTR : 0; };
  const auto tally = world.run(Mediation::kVerified, [] {
    if (const int error = original(); error != EINTR) return error;
    return runProgram("/bin/echo", {"echo", "another"});
  });
  CHECK(tally.output == "another\n");
  CHECK(tally.broken == 0);
}
