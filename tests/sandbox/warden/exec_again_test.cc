// Execs of programs that nobody in the run can put elsewhere: verified by the name that the kernel opened, and not
// judged again while the same rules are in force.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>

#include "sandbox/warden/fixed_path.h"
#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

policy::Document forbidding(std::vector<std::string> match) {
  policy::Document document = readWrite();
  for (const char* readable : {"/usr", "/bin"}) document.files.read.push_back({.pattern = readable, .origin = {}});
  document.exec.push_back({.match = std::move(match), .decide = policy::Decision::kForbid});
  return document;
}

int waitFor(pid_t child) {
  int status = 0;
  (void)::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int touches(const char* path) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/usr/bin/touch", "touch", path, nullptr);
    ::_exit(errno);
  }
  return waitFor(child);
}

bool leads(const char* path, const char* to) {
  struct statx file {};
  return ::statx(AT_FDCWD, to, 0, STATX_BASIC_STATS | STATX_MNT_ID, &file) == 0 && leadsForGood(path, file);
}

// While it executes `allowed`, another thread of it writes the one and the other over that path.
[[noreturn]] void race(const char* allowed, const char* forbidden, const char* argument) {
  static char path[64];
  std::strcpy(path, allowed);
  std::thread([=] {
    const std::size_t size = std::strlen(allowed);
    for (;;) {
      for (const char* text : {forbidden, allowed}) {
        std::memcpy(path, text, size);
        for (int i = 0; i < 40; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
      }
    }
  }).detach();
  ::execl(path, "same", argument, nullptr);
  ::_exit(errno);
}

}  // namespace

TEST_CASE("a path leads to its program for good where nobody in the run can change a folder on the way") {
  World world({.document = readWrite(), .notified = Notified::kNothing, .fixedRoot = true});
  const int status = world.run([] {
    if (!leads("/usr/bin/true", "/usr/bin/true")) return 1;
    if (!leads("/bin/true", "/usr/bin/true")) return 2;
    if (leads("/usr/bin/true", "/usr/bin/false")) return 3;
    if (leads("/usr/bin/../bin/true", "/usr/bin/true") || leads("usr/bin/true", "/usr/bin/true")) return 4;
    // A link of the run's leads there until the run says otherwise.
    if (::symlink("/usr/bin/true", "/mnt/link") != 0 || leads("/mnt/link", "/usr/bin/true")) return 5;
    if (leads("/proc/self/root/usr/bin/true", "/usr/bin/true")) return 6;
    return 0;
  });
  CHECK(status == 0);
  // Where it could be changed, as it is mounted for writing.
  World open({.document = readWrite(), .notified = Notified::kNothing});
  CHECK(open.run([] { return leads("/usr/bin/true", "/usr/bin/true") ? 1 : 0; }) == 0);
}

TEST_CASE("the same command line again is recorded each time, and judged by new rules as soon as they are in force") {
  World world({.document = forbidding({"nothing"}), .notified = Notified::kExec, .fixedRoot = true});
  world.start([] {
    for (int i = 0; i < 5; ++i) {
      if (touches("/mnt/a") != 0) return 1;
    }
    if (::creat("/mnt/done", 0644) < 0) return 2;
    while (::access("/mnt/go", F_OK) != 0) ::usleep(2000);
    return touches("/mnt/a") == EACCES ? 0 : 3;
  });
  const std::string directory = world.directory();
  REQUIRE(eventually([&] { return ::access((directory + "/done").c_str(), F_OK) == 0; }));
  const auto allowed = world.allowed();
  REQUIRE(allowed.size() == 5);
  for (const AllowedAction& each : allowed) {
    CHECK(each.action.action == allowed.front().action.action);
    CHECK(each.action.what == "execve");
    CHECK(each.rule == allowed.front().rule);
  }
  CHECK(allowed.front().action.action.target == "/usr/bin/touch");
  CHECK(allowed.front().action.chain != allowed.back().action.chain);
  world.setDocument(forbidding({"touch"}));
  world.sendRules(2);
  (void)world.expect<RulesInForce>([](const RulesInForce& each) { return each.generation == 2; });
  REQUIRE(::close(::creat((directory + "/go").c_str(), 0644)) == 0);
  CHECK(world.finish() == 0);
  CHECK(world.expect<Record>().kind == RecordKind::kDenied);
}

TEST_CASE("what a dynamic loader is given is judged by where its path leads each time") {
  std::string loader;
  for (const char* path : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"}) {
    if (::access(path, X_OK) == 0) loader = path;
  }
  REQUIRE_FALSE(loader.empty());
  World world({.document = forbidding({"/usr/bin/touch", "/mnt/evil"}),
               .notified = Notified::kExec,
               .emptiesRing = true,
               .fixedRoot = true});
  const auto loads = [&loader](const char* to) {
    (void)::unlink("/mnt/link");
    if (to != nullptr && ::symlink(to, "/mnt/link") != 0) return errno;
    const pid_t child = ::fork();
    if (child == 0) {
      ::execl(loader.c_str(), loader.c_str(), "/mnt/link", "/mnt/evil", nullptr);
      ::_exit(errno);
    }
    return waitFor(child);
  };
  CHECK(world.run([&] {
    if (loads("/usr/bin/touch") != EACCES) return 1;
    for (int i = 0; i < 3; ++i) {
      if (loads("/usr/bin/true") != 0) return 2;
    }
    if (loads("/usr/bin/touch") != EACCES) return 3;
    for (int i = 0; i < 3; ++i) {
      if (loads(nullptr) == 0) return 4;
    }
    return loads("/usr/bin/touch") == EACCES ? 0 : 5;
  }) == 0);
  CHECK(::access((world.directory() + "/evil").c_str(), F_OK) != 0);
}

TEST_CASE(
    "a path that is exchanged for another program's never runs that one, also where paths are not looked at again") {
  World world({.document = forbidding({"/usr/bin/touch"}),
               .notified = Notified::kExec,
               .emptiesRing = true,
               .fixedRoot = true});
  const char* wanted = std::getenv("RINGFENCE_RACES");
  const int count = wanted != nullptr ? std::atoi(wanted) : 500;
  const int status = world.run([count] {
    int killed = 0, ran = 0, refused = 0;
    for (int i = 0; i < count; ++i) {
      const pid_t child = ::fork();
      if (child == 0) race("/usr/bin/false", "/usr/bin/touch", "/mnt/evil");
      const int end = waitFor(child);
      killed += end == 128 + SIGKILL;
      ran += end == 1;
      // A mixture of the two leads nowhere.
      refused += end == EACCES || end == ENOENT;
    }
    std::cout << count << " races over a fixed path: " << killed << " caught, " << ran << " ran, " << refused
              << " refused\n"
              << std::flush;
    return killed + ran + refused == count && ran > 0 ? 0 : 1;
  });
  CHECK(status == 0);
  CHECK(::access((world.directory() + "/evil").c_str(), F_OK) != 0);
}
