#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "sdk/base/io.h"
#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

int made(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  return fd >= 0 ? 0 : errno;
}

}  // namespace

TEST_CASE("a file that the policy allows is made, and the ring has it") {
  World world({.document = readWrite()});
  CHECK(world.run([] {
    ::umask(027);
    const int fd = ::open("/mnt/a", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return errno;
    return ::write(fd, "x", 1) == 1 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 ? 0 : 1;
  }) == 0);
  struct stat status {};
  REQUIRE(::stat((world.directory() + "/a").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(status.st_uid == kRunUid);
  CHECK(status.st_size == 1);
  const auto allowed = world.allowed();
  REQUIRE(allowed.size() == 1);
  CHECK(allowed[0].action.action.target == "/mnt/a");
  CHECK(allowed[0].rule == "files.workspace = \"rw\"");
}

TEST_CASE("what nothing grants is EACCES, recorded once, and said to the agent") {
  World world({.document = readWrite()});
  CHECK(world.run([] {
    const int first = made("/etc/ringfence-test");
    return first == made("/etc/ringfence-test") ? first : 1;
  }) == EACCES);
  const auto record = world.expect<Record>();
  CHECK(record.kind == RecordKind::kDenied);
  CHECK(record.action.action.target == "/etc/ringfence-test");
  CHECK(record.action.chain.size() >= 1);
  CHECK(world.denials().find("\"outcome\":\"forbidden\"") != std::string::npos);
}

TEST_CASE("a forbidden file beside others that were opened before is neither cut nor given") {
  policy::Document document = readWrite();
  document.files.forbid.push_back({.pattern = "$WORKSPACE/kept", .origin = {}});
  World world({.document = document});
  std::ofstream(world.directory() + "/kept") << "text";
  std::ofstream(world.directory() + "/free") << "text";
  REQUIRE(::chmod((world.directory() + "/kept").c_str(), 0666) == 0);
  REQUIRE(::chmod((world.directory() + "/free").c_str(), 0666) == 0);
  CHECK(world.run([] {
    for (int i = 0; i < 3; ++i) {
      const int fd = ::open("/mnt/free", O_WRONLY | O_TRUNC | O_CLOEXEC);
      if (fd < 0) return errno;
      ::close(fd);
      if (::open("/mnt/kept", O_WRONLY | O_TRUNC | O_CLOEXEC) >= 0 || errno != EACCES) return 1;
      // The same name leads there now: what it was before says nothing.
      if (::unlink("/mnt/turning") != 0 && errno != ENOENT) return 2;
      if (::symlink(i % 2 == 0 ? "kept" : "free", "/mnt/turning") != 0) return 3;
      const int turning = ::open("/mnt/turning", O_WRONLY | O_TRUNC | O_CLOEXEC);
      if ((turning >= 0) != (i % 2 == 1)) return 4;
    }
    return 0;
  }) == 0);
  CHECK(readFile(world.directory() + "/kept") == "text");
  CHECK(readFile(world.directory() + "/free") == "");
  for (const auto& allowed : world.allowed()) CHECK(allowed.action.action.target != "/mnt/kept");
}

TEST_CASE("a forbidden file is not even opened for a moment, however its name is written") {
  policy::Document document = readWrite();
  document.files.forbid.push_back({.pattern = "$WORKSPACE/kept", .origin = {}});
  World world({.document = document});
  REQUIRE(::mkdir((world.directory() + "/inner").c_str(), 0777) == 0);
  for (const char* name : {"/kept", "/free"}) {
    std::ofstream(world.directory() + name) << "text";
    REQUIRE(::chmod((world.directory() + name).c_str(), 0666) == 0);
  }
  const UniqueFd noticed(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  REQUIRE(::inotify_add_watch(noticed.get(), (world.directory() + "/kept").c_str(), IN_OPEN | IN_MODIFY) >= 0);
  CHECK(world.run([] {
    for (int i = 0; i < 3; ++i) {
      if (const int fd = ::open("/mnt/free", O_WRONLY | O_CLOEXEC); fd < 0 || ::close(fd) != 0) return 1;
      for (const char* name : {"/mnt/kept", "/mnt//kept", "/mnt/./kept", "/mnt/inner/../kept", "/mnt/../mnt/kept"}) {
        if (::open(name, O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES) return 2;
      }
    }
    return 0;
  }) == 0);
  char event[512];
  CHECK(::read(noticed.get(), event, sizeof event) < 0);
  CHECK(errno == EAGAIN);
}

TEST_CASE("what was opened again and again is refused as soon as other rules are in force") {
  policy::Document document = readWrite();
  World world({.document = document, .emptiesRing = true});
  std::ofstream(world.directory() + "/name") << "text";
  REQUIRE(::chmod((world.directory() + "/name").c_str(), 0666) == 0);
  int told[2];
  int go[2];
  REQUIRE((::pipe2(told, O_CLOEXEC) == 0 && ::pipe2(go, O_CLOEXEC) == 0));
  world.start([&] {
    const auto opens = [] {
      const int fd = ::open("/mnt/name", O_WRONLY | O_CLOEXEC);
      return fd < 0 ? errno : (::close(fd), 0);
    };
    for (int i = 0; i < 50; ++i) {
      if (opens() != 0) return 1;
    }
    char byte = 0;
    if (::write(told[1], "t", 1) != 1 || ::read(go[0], &byte, 1) != 1) return 2;
    return opens() == EACCES ? 0 : 3;
  });
  char byte = 0;
  REQUIRE(::read(told[0], &byte, 1) == 1);
  document.files.forbid.push_back({.pattern = "$WORKSPACE/name", .origin = {}});
  world.setDocument(document);
  world.sendRules(2);
  (void)world.expect<RulesInForce>([](const RulesInForce& rules) { return rules.generation == 2; });
  REQUIRE(::write(go[1], "g", 1) == 1);
  CHECK(world.finish() == 0);
  for (const int fd : {told[0], told[1], go[0], go[1]}) ::close(fd);
}

TEST_CASE(
    "a file that takes the name of one that was opened before is opened as itself, and a record says so each time") {
  World world({.document = readWrite()});
  CHECK(world.run([] {
    for (int i = 0; i < 4; ++i) {
      if (made("/mnt/name") != 0 || made("/mnt/name") != 0) return 1;
      const int fd = ::open("/mnt/name", O_WRONLY | O_CLOEXEC);
      struct stat opened {};
      struct stat named {};
      if (fd < 0 || ::fstat(fd, &opened) != 0 || ::stat("/mnt/name", &named) != 0) return 2;
      if (opened.st_ino != named.st_ino || (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) return 3;
      ::close(fd);
      if (::rename("/mnt/name", ("/mnt/old" + std::to_string(i)).c_str()) != 0) return 4;
    }
    return 0;
  }) == 0);
  const auto allowed = world.allowed();
  CHECK(std::ranges::count(allowed, "/mnt/name", [](const auto& each) { return each.action.action.target; }) >= 12);
  for (const auto& each : allowed) CHECK(each.action.chain.size() == 1);
}

TEST_CASE("the reader of a FIFO sees one writer where one opened it, whatever lay there before") {
  World world({.document = readWrite()});
  CHECK(world.run([] {
    if (made("/mnt/name") != 0 || made("/mnt/name") != 0 || made("/mnt/name") != 0) return 1;
    if (::unlink("/mnt/name") != 0 || ::mkfifo("/mnt/name", 0600) != 0) return 2;
    const int reader = ::open("/mnt/name", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const int writer = ::open("/mnt/name", O_WRONLY | O_CLOEXEC);
    if (reader < 0 || writer < 0 || (::fcntl(writer, F_GETFL) & O_NONBLOCK) != 0) return 3;
    char byte = 0;
    // Nothing yet, and somebody who may write.
    if (::read(reader, &byte, 1) != -1 || errno != EAGAIN) return 4;
    ::close(writer);
    // The last one is gone: the warden has no other.
    return ::read(reader, &byte, 1) == 0 ? 0 : 5;
  }) == 0);
}

TEST_CASE("a warden whose run is over sleeps, hears the daemon, and ends when it is asked to") {
  World world({.document = readWrite()});
  CHECK(world.run([] { return made("/mnt/a"); }) == 0);
  world.send(Repeat{});
  CHECK(eventually([&] { return world.count<GuardHello>() == 2; }));
  // Who looks for more calls without end is never seen asleep.
  const std::string tasks = "/proc/" + std::to_string(world.warden()) + "/task";
  CHECK(eventually([&] {
    return std::ranges::all_of(std::filesystem::directory_iterator(tasks), [](const auto& thread) {
      return readFile(thread.path().string() + "/stat").find(") S ") != std::string::npos;
    });
  }));
  REQUIRE(::kill(world.warden(), SIGTERM) == 0);
  siginfo_t ended{};
  CHECK(eventually([&] {
    return ::waitid(P_PID, static_cast<id_t>(world.warden()), &ended, WEXITED | WNOWAIT | WNOHANG) == 0 &&
           ended.si_code == CLD_EXITED;
  }));
}

namespace {

volatile sig_atomic_t interrupted = 0;

// Makes the directory of this name while another thread gives the name only when a call that came later was answered,
// so that somebody else leads by then. 0 or errno.
int makeNamedLate(const char* name, const char* later) {
  const int faults = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC));
  uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
  if (faults < 0 || ::ioctl(faults, UFFDIO_API, &api) != 0) return -1;
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto address = reinterpret_cast<std::uint64_t>(page);
  uffdio_register range{.range = {address, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING, .ioctls = 0};
  if (::ioctl(faults, UFFDIO_REGISTER, &range) != 0) return -1;
  std::thread gives([&] {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    char fault[256];
    (void)!::read(faults, fault, sizeof fault);  // the warden reads the name
    (void)made(later);
    alignas(4096) static char content[4096];
    std::strcpy(content, name);
    uffdio_copy copy{
        .dst = address, .src = reinterpret_cast<std::uint64_t>(content), .len = 4096, .mode = 0, .copy = 0};
    (void)::ioctl(faults, UFFDIO_COPY, &copy);
  });
  const int error = ::mkdir(static_cast<char*>(page), 0755) == 0 ? 0 : errno;
  gives.join();
  return error;
}

}  // namespace

TEST_CASE("a signal is noticed also by a call that began to wait when another member of the crew led already") {
  policy::Document document = readWrite();
  document.files.ask.push_back({.pattern = "/mnt/asked", .origin = {}});
  World world({.document = document, .rootTarget = true});
  world.start([] {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGUSR1, &action, nullptr);
    // On a busy machine the name may come too late, and the call is refused.
    int error = EACCES;
    while (error == EACCES) error = makeNamedLate("/mnt/asked", "/mnt/later");
    return error == EINTR && interrupted == 1 ? 0 : 1;
  });
  (void)world.expect<Ask>();
  REQUIRE(::kill(world.target(), SIGUSR1) == 0);
  (void)world.expect<Withdraw>();
  CHECK(world.finish() == 0);
}
