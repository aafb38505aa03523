// Calls that wait for a person, for a record or for room, what interrupts them, and wardens that die meanwhile.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <thread>

#include "sdk/base/io.h"
#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

bool exists(const World& world, const char* name) {
  return ::access((world.directory() + "/" + name).c_str(), F_OK) == 0;
}

// Memory that the test and what runs inside share.
template <typename T>
struct Shared {
  T* value = static_cast<T*>(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ~Shared() { ::munmap(value, sizeof(T)); }
};

volatile sig_atomic_t handled = 0;
void count(int) { handled = handled + 1; }
void handle(int number, int flags) {
  struct sigaction action {};
  action.sa_handler = count;
  action.sa_flags = flags;
  ::sigaction(number, &action, nullptr);
}

}  // namespace

TEST_CASE("a question holds its call; allowed, it is done and told so") {
  World world({.document = asking()});
  world.start([] { return make("/mnt/asked"); });
  const auto ask = world.expect<Ask>();
  CHECK(ask.action.action.target == "/mnt/asked");
  CHECK(ask.action.what == "openat");
  CHECK(ask.rule.origin.line == 7);
  CHECK_FALSE(exists(world, "asked"));
  world.send(Answer{.ask = ask.ask, .outcome = Outcome::kAllowed});
  CHECK(world.finish() == 0);
  CHECK(exists(world, "asked"));
  CHECK(world.expect<Performed>().sysErrno == 0);
}

TEST_CASE("a person's no is EPERM with the person's words, an expired question EACCES") {
  World world({.document = asking(), .answer = [](const Ask& ask) {
                 const bool first = ask.action.action.target == "/mnt/asked";
                 return Answer{.outcome = first ? Outcome::kDenied : Outcome::kExpired,
                               .say = first ? "not today" : ""};
               }});
  CHECK(world.run([] { return make("/mnt/asked") == EPERM && make("/mnt/asked2") == EACCES ? 0 : 1; }) == 0);
  CHECK_FALSE(exists(world, "asked"));
  CHECK_FALSE(exists(world, "asked2"));
  CHECK(world.denials().find("not today") != std::string::npos);
  CHECK(world.denials().find("\"outcome\":\"expired\"") != std::string::npos);
}

TEST_CASE("a corrected path is opened in place of the one that was asked for") {
  World world({.document = asking(), .answer = [](const Ask&) {
                 return Answer{.outcome = Outcome::kRewritten, .rewrite = {.path = "/mnt/elsewhere"}};
               }});
  CHECK(world.run([] {
    const int fd = ::open("/mnt/asked", O_WRONLY | O_CREAT, 0644);
    return fd >= 0 && ::write(fd, "x", 1) == 1 ? 0 : errno;
  }) == 0);
  CHECK_FALSE(exists(world, "asked"));
  CHECK(readFile(world.directory() + "/elsewhere") == "x");
  CHECK(world.expect<Performed>().sysErrno == 0);
}

TEST_CASE("a correction to what the policy forbids is refused") {
  World world({.document = asking(), .answer = [](const Ask&) {
                 return Answer{.outcome = Outcome::kRewritten, .rewrite = {.path = "/mnt/forbidden"}};
               }});
  CHECK(world.run([] { return make("/mnt/asked"); }) == EACCES);
  CHECK_FALSE(exists(world, "forbidden"));
  CHECK_FALSE(exists(world, "asked"));
}

TEST_CASE("a corrected rename goes elsewhere, and what was to be renamed is moved once") {
  World world({.document = asking(), .answer = [](const Ask& ask) {
                 CHECK(ask.action.second == "/mnt/asked");
                 return Answer{.outcome = Outcome::kRewritten, .rewrite = {.path = "/mnt/elsewhere"}};
               }});
  CHECK(world.run([] {
    if (make("/mnt/plain") != 0) return 1;
    return ::rename("/mnt/plain", "/mnt/asked") == 0 ? 0 : errno;
  }) == 0);
  CHECK_FALSE(exists(world, "plain"));
  CHECK_FALSE(exists(world, "asked"));
  CHECK(exists(world, "elsewhere"));
}

TEST_CASE("prepared content takes the place of what a reader would have seen") {
  policy::Document document = asking();
  document.files.askRead.push_back(rule("/mnt/secret"));
  World world({.document = document, .notified = Notified::kAllOpens, .answer = [](const Ask&) {
                 return Answer{.outcome = Outcome::kRewritten, .rewrite = {.content = "prepared"}};
               }});
  const int planted = ::open((world.directory() + "/secret").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  REQUIRE(::write(planted, "real", 4) == 4);
  ::close(planted);
  CHECK(world.run([] {
    const int fd = ::open("/mnt/secret", O_RDONLY | O_CLOEXEC);
    char text[16] = {};
    if (fd < 0) return errno;
    if (::read(fd, text, sizeof text) != 8 || std::string(text, 8) != "prepared") return 1;
    return ::write(fd, "x", 1) < 0 ? 0 : 2;
  }) == 0);
}

TEST_CASE("a rule's correction is recorded before it happens") {
  policy::Document document = asking();
  document.files.rewrite.push_back({.pattern = "/mnt/from", .to = "/mnt/to", .content = {}, .why = "", .origin = {}});
  World world({.document = document, .records = Records::kLeft});
  world.start([] { return make("/mnt/from"); });
  const auto record = world.expect<Record>();
  CHECK(record.kind == RecordKind::kRewritten);
  CHECK(record.rewrite.path == "/mnt/to");
  CHECK_FALSE(exists(world, "to"));
  world.send(Recorded{record.ticket});
  CHECK(world.finish() == 0);
  CHECK(exists(world, "to"));
  CHECK_FALSE(exists(world, "from"));
}

TEST_CASE("the first denial is recorded before its errno, and again and again is a number afterwards") {
  World world({.document = asking(), .records = Records::kLeft});
  Shared<std::atomic<int>> done;
  world.start([&] {
    for (int i = 0; i < 50; ++i) {
      if (make("/mnt/forbidden") != EACCES) return 1;
      *done.value += 1;
    }
    return 0;
  });
  const auto record = world.expect<Record>();
  CHECK(*done.value == 0);
  world.send(Recorded{record.ticket});
  // Where the machine is slow a second passes between two of them, and each second begins with a record.
  std::uint64_t seen = record.ticket;
  CHECK(eventually([&] {
    const auto next = world.find<Record>([&](const Record& each) { return each.ticket > seen; });
    if (next) world.send(Recorded{seen = next->ticket});
    return *done.value == 50;
  }));
  CHECK(world.finish() == 0);
  const auto again = world.expect<Record>([](const Record& each) { return each.ticket == 0; });
  CHECK(again.count >= 1);
  CHECK(again.action.action.target == "/mnt/forbidden");
}

TEST_CASE("a signal whose handler restarts calls runs while a question waits, and the question is not asked again") {
  World world({.document = asking()});
  Shared<std::atomic<int>> handledInside;
  world.start([&] {
    handle(SIGUSR1, SA_RESTART);
    const int result = make("/mnt/asked");
    *handledInside.value = handled;
    return result;
  });
  const auto ask = world.expect<Ask>();
  REQUIRE(::kill(world.target(), SIGUSR1) == 0);
  // Not before the signal arrived, or the answer would come first.
  CHECK(eventually([&] {
    return readFile("/proc/" + std::to_string(world.target()) + "/status").find("ShdPnd:\t0000000000000000") !=
           std::string::npos;
  }));
  world.send(Answer{.ask = ask.ask, .outcome = Outcome::kAllowed});
  CHECK(world.finish() == 0);
  CHECK(*handledInside.value == 1);
  CHECK(world.count<Ask>() == 1);
  CHECK(exists(world, "asked"));
}

TEST_CASE("a signal whose handler does not restart calls ends the call with EINTR, and its question") {
  World world({.document = asking()});
  world.start([] {
    handle(SIGUSR1, 0);
    return make("/mnt/asked") == EINTR && handled == 1 ? 0 : 1;
  });
  const auto ask = world.expect<Ask>();
  REQUIRE(::kill(world.target(), SIGUSR1) == 0);
  CHECK(world.finish() == 0);
  CHECK(world.expect<Withdraw>().ask == ask.ask);
  CHECK_FALSE(exists(world, "asked"));
}

TEST_CASE("a signal that is blocked leaves a waiting call alone") {
  World world({.document = asking()});
  world.start([] {
    handle(SIGUSR1, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return make("/mnt/asked");
  });
  const auto ask = world.expect<Ask>();
  REQUIRE(::kill(world.target(), SIGUSR1) == 0);
  ::usleep(100000);
  CHECK(world.count<Withdraw>() == 0);
  world.send(Answer{.ask = ask.ask, .outcome = Outcome::kAllowed});
  CHECK(world.finish() == 0);
}

TEST_CASE("whoever is killed while it waits asks no more") {
  World world({.document = asking()});
  world.start([] { return make("/mnt/asked"); });
  const auto ask = world.expect<Ask>();
  REQUIRE(::kill(world.target(), SIGKILL) == 0);
  CHECK(world.expect<Withdraw>().ask == ask.ask);
  CHECK(world.finish() == -SIGKILL);
  CHECK_FALSE(exists(world, "asked"));
}

TEST_CASE("a terminating signal ends a program that waits for an answer") {
  World world({.document = asking()});
  world.start([] { return make("/mnt/asked"); });
  const auto ask = world.expect<Ask>();
  REQUIRE(::kill(world.target(), SIGTERM) == 0);
  CHECK(world.expect<Withdraw>().ask == ask.ask);
  CHECK(world.finish() == -SIGTERM);
}

TEST_CASE("a warden that comes after a dead one repeats the question under its number, and the answer is obeyed once") {
  World world({.document = asking()});
  world.start([] { return make("/mnt/asked", O_EXCL); });
  const auto ask = world.expect<Ask>();
  world.killWarden();
  world.startWarden(true);
  world.sendRules(1);
  CHECK(eventually([&] { return world.count<Ask>() == 2; }));
  CHECK(world.expect<GuardHello>([](const GuardHello& hello) { return hello.restarted; }).restarted);
  CHECK(world.count<Withdraw>() == 0);
  world.send(Answer{.ask = ask.ask, .outcome = Outcome::kAllowed});
  CHECK(world.finish() == 0);
  CHECK(exists(world, "asked"));
}

TEST_CASE("an answer that a dead warden did not read is obeyed by the next one") {
  World world({.document = asking()});
  world.start([] { return make("/mnt/asked", O_EXCL); });
  const auto ask = world.expect<Ask>();
  world.killWarden();
  world.send(Answer{.ask = ask.ask, .outcome = Outcome::kAllowed});
  world.startWarden(true);
  world.sendRules(1);
  CHECK(world.finish() == 0);
  CHECK(world.expect<Performed>().sysErrno == 0);
}

TEST_CASE("a call that a dead warden had received is judged by the next one") {
  World world({.document = asking(), .records = Records::kLeft});
  world.start([] { return make("/mnt/forbidden"); });
  const auto first = world.expect<Record>();
  world.killWarden();
  world.startWarden(true);
  world.sendRules(1);
  const auto second = world.expect<Record>([&](const Record& each) { return each.ticket != first.ticket; });
  CHECK(second.action.action.target == "/mnt/forbidden");
  world.send(Recorded{second.ticket});
  CHECK(world.finish() == EACCES);
}

TEST_CASE("a call that a dead warden was performing is EIO and never done again") {
  World world({.document = asking()});
  REQUIRE(::mkfifo((world.directory() + "/fifo").c_str(), 0666) == 0);
  REQUIRE(::chmod((world.directory() + "/fifo").c_str(), 0666) == 0);
  // O_TRUNC makes it a change, and nobody reads: it is being performed until the warden dies.
  world.start([] { return make("/mnt/fifo", O_TRUNC); });
  CHECK(eventually([&] { return !world.allowed().empty(); }));
  CHECK(eventually([&] { return world.isPerforming(); }));
  world.killWarden();
  world.startWarden(true);
  world.sendRules(1);
  const auto record = world.expect<Record>();
  CHECK(record.kind == RecordKind::kOutcomeUnknown);
  CHECK(record.action.action.target == "/mnt/fifo");
  CHECK(world.finish() == EIO);
}

TEST_CASE("a warden that is asked to end first finishes what a person allowed, and tells how it went") {
  World world({.document = asking()});
  REQUIRE(::mkfifo((world.directory() + "/asked").c_str(), 0666) == 0);
  REQUIRE(::chmod((world.directory() + "/asked").c_str(), 0666) == 0);
  // Nobody reads: it is being performed until somebody does.
  world.start([] { return make("/mnt/asked", O_TRUNC); });
  world.send(Answer{.ask = world.expect<Ask>().ask, .outcome = Outcome::kAllowed});
  REQUIRE(eventually([&] { return world.isPerforming(); }));
  REQUIRE(::kill(world.warden(), SIGTERM) == 0);
  const UniqueFd reader(::open((world.directory() + "/asked").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(reader);
  CHECK(world.expect<Performed>().sysErrno == 0);
  CHECK(world.finish() == 0);
  siginfo_t ended{};
  CHECK(eventually([&] {
    return ::waitid(P_PID, static_cast<id_t>(world.warden()), &ended, WEXITED | WNOWAIT | WNOHANG) == 0 &&
           ended.si_code == CLD_EXITED;
  }));
  CHECK(ended.si_status == 0);
}

TEST_CASE("a daemon that comes after another hears the open questions again") {
  World world({.document = asking()});
  world.start([] { return make("/mnt/asked"); });
  const auto ask = world.expect<Ask>();
  world.send(Repeat{});
  CHECK(eventually([&] { return world.count<Ask>() == 2 && world.count<GuardHello>() == 2; }));
  world.send(Answer{.ask = ask.ask, .outcome = Outcome::kAllowed});
  CHECK(world.finish() == 0);
}

TEST_CASE("rules that narrow end the questions that they answer") {
  World world({.document = asking()});
  world.start([] { return make("/mnt/asked"); });
  const auto ask = world.expect<Ask>();
  policy::Document narrow = asking();
  narrow.files.forbid.push_back(rule("/mnt/asked"));
  world.setDocument(narrow);
  world.sendRules(2);
  CHECK(world.finish() == EACCES);
  CHECK(world.expect<Withdraw>().ask == ask.ask);
}

TEST_CASE("without room in the ring of allowed actions an effect waits for it") {
  World world({.document = asking(), .ringCapacity = kibibytes(1)});
  Shared<std::atomic<int>> done;
  world.start([&] {
    for (int i = 0; i < 40; ++i) {
      if (make(("/mnt/file" + std::to_string(i)).c_str()) != 0) return 1;
      *done.value += 1;
    }
    return 0;
  });
  CHECK(eventually([&] { return *done.value > 0; }));
  ::usleep(200000);
  CHECK(*done.value < 40);
  std::size_t entries = 0;
  CHECK(eventually([&] {
    entries += world.allowed().size();
    return *done.value == 40;
  }));
  CHECK(world.finish() == 0);
  CHECK(entries + world.allowed().size() == 40);
}

TEST_CASE("who waits for a FIFO keeps nobody else waiting") {
  World world({.document = asking()});
  for (int i = 0; i < 20; ++i) {
    const std::string path = world.directory() + "/fifo" + std::to_string(i);
    REQUIRE(::mkfifo(path.c_str(), 0666) == 0);
    REQUIRE(::chmod(path.c_str(), 0666) == 0);
  }
  CHECK(world.run([] {
    std::vector<std::thread> writers;
    std::atomic<int> opened = 0;
    for (int i = 0; i < 20; ++i) {
      writers.emplace_back([&, i] {
        const int fd = ::open(("/mnt/fifo" + std::to_string(i)).c_str(), O_WRONLY | O_CLOEXEC);
        if (fd >= 0) ++opened;
        ::close(fd);
      });
    }
    for (int i = 0; i < 200; ++i) {
      if (make(("/mnt/file" + std::to_string(i)).c_str()) != 0) return 1;
    }
    if (opened != 0) return 2;
    for (int i = 0; i < 20; ++i) {
      const int fd = ::open(("/mnt/fifo" + std::to_string(i)).c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) return 3;
      ::close(fd);
    }
    for (auto& each : writers) each.join();
    return opened == 20 ? 0 : 4;
  }) == 0);
}

TEST_CASE("a signal ends the wait for a FIFO as it would natively") {
  World world({.document = asking()});
  REQUIRE(::mkfifo((world.directory() + "/fifo").c_str(), 0666) == 0);
  REQUIRE(::chmod((world.directory() + "/fifo").c_str(), 0666) == 0);
  world.start([] {
    handle(SIGUSR1, 0);
    return make("/mnt/fifo") == EINTR && handled == 1 ? 0 : 1;
  });
  CHECK(eventually([&] { return !world.allowed().empty(); }));
  REQUIRE(::kill(world.target(), SIGUSR1) == 0);
  CHECK(world.finish() == 0);
}

TEST_CASE("without room for a descriptor the caller hears EMFILE, and its memory that is gone is EFAULT") {
  World world({.document = asking()});
  CHECK(world.run([] {
    const rlimit few{3, 3};
    ::setrlimit(RLIMIT_NOFILE, &few);
    if (make("/mnt/file") != EMFILE) return 1;
    void* page = ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* end = static_cast<char*>(page) + 4096 - 4;
    ::munmap(static_cast<char*>(page) + 4096, 4096);
    std::copy_n("/mnt", 4, end);
    const auto fails = [&](int error) { return ::mkdir(end, 0755) != 0 && errno == error; };
    if (!fails(EFAULT)) return 2;
    ::munmap(page, 4096);
    return fails(EFAULT) ? 0 : 3;
  }) == 0);
}

TEST_CASE("memory that nobody fills costs its own caller alone, and that one hears EACCES") {
  World world({.document = asking(), .rootTarget = true});
  CHECK(world.run([] {
    const int faults = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC));
    uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
    if (faults < 0 || ::ioctl(faults, UFFDIO_API, &api) != 0) return 1;
    void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uffdio_register range{
        .range = {reinterpret_cast<std::uint64_t>(page), 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING, .ioctls = 0};
    if (::ioctl(faults, UFFDIO_REGISTER, &range) != 0) return 2;
    std::atomic<int> stuck = -1;
    std::thread waits([&] { stuck = ::mkdir(static_cast<char*>(page), 0755) == 0 ? 0 : errno; });
    for (int i = 0; i < 200; ++i) {
      if (make(("/mnt/file" + std::to_string(i)).c_str()) != 0) return 3;
    }
    waits.join();
    return stuck == EACCES ? 0 : 4;
  }) == 0);
}

TEST_CASE("set-id bits are refused in whatever mode they come") {
  World world({.document = asking()});
  CHECK(world.run([] {
    if (make("/mnt/file") != 0) return 1;
    if (::chmod("/mnt/file", 04755) == 0 || errno != EPERM) return 2;
    if (::open("/mnt/new", O_CREAT | O_WRONLY, 02755) >= 0 || errno != EPERM) return 3;
    return ::mkdir("/mnt/dir", 06755) != 0 && errno == EPERM ? 0 : 4;
  }) == 0);
}

TEST_CASE("what other processes have in /proc is theirs, and nobody's memory is written through it") {
  World world({.document = asking(), .notified = Notified::kAllOpens});
  CHECK(world.run([] {
    if (::open("/proc/self/mem", O_RDWR) >= 0 || errno != EACCES) return 1;
    if (::open("/proc/1/environ", O_RDONLY) >= 0 || errno != EACCES) return 2;
    if (::open("/proc/1/mem", O_RDONLY) >= 0) return 3;
    if (::open("/proc/1/status", O_RDONLY) < 0) return 4;
    const std::string own = "/proc/" + std::to_string(::getpid()) + "/environ";
    if (::open(own.c_str(), O_RDONLY) < 0) return 5;
    char name[64] = {};
    const int fd = ::open("/proc/self/stat", O_RDONLY);
    return fd >= 0 && ::read(fd, name, sizeof name - 1) > 0 && std::atoi(name) == ::getpid() ? 0 : 6;
  }) == 0);
}
