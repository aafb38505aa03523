// Another thread exchanges the path while a call is judged. Against a supervisor that reads, approves and lets the
// kernel continue, this wins; against a warden it must not.
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "sandbox/kernel/notifier.h"
#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

constexpr const char* kGood = "/mnt/allowed";
constexpr const char* kBad = "/mnt/outside";

struct RaceResult {
  std::atomic<int> opened, forbidden, refused;
};

int swaps() {
  const char* wanted = std::getenv("RINGFENCE_RACES");
  return wanted != nullptr ? std::atoi(wanted) : 500;
}

constexpr int kPatience =
    200;  // of a few rounds, each a hundred times as long in an emulated machine, all may see one text

// Opens what `path` says, at least `count` times and until both texts were seen, while its text changes; looks at what
// it got.
int race(RaceResult* result, ino_t forbidden, int count) {
  static char path[32];
  std::atomic<bool> stop = false;
  std::strcpy(path, kGood);
  std::thread other([&] {
    const std::size_t at = std::strlen("/mnt/");
    for (bool good = false; !stop; good = !good) {
      std::ranges::copy(std::string_view(good ? "allowed" : "outside"), path + at);
      for (int i = 0; i < 200; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  });
  const auto sawBoth = [&] { return result->opened > 0 && result->refused > 0; };
  for (int i = 0; i < count || (i < kPatience * count && !sawBoth()); ++i) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    struct stat status {};
    if (fd < 0) {
      ++result->refused;
      continue;
    }
    ++result->opened;
    if (::fstat(fd, &status) == 0 && status.st_ino == forbidden) ++result->forbidden;
    ::close(fd);
  }
  stop = true;
  other.join();
  return 0;
}

ino_t plant(const std::string& root) {
  ino_t inode = 0;
  for (const char* name : {"/allowed", "/outside"}) {
    const int fd = ::open((root + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    struct stat status {};
    REQUIRE((fd >= 0 && ::fchmod(fd, 0666) == 0 && ::fstat(fd, &status) == 0));
    inode = status.st_ino;
    ::close(fd);
  }
  return inode;
}

RaceResult* sharedResult() {
  void* map = ::mmap(nullptr, sizeof(RaceResult), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(map != MAP_FAILED);
  return static_cast<RaceResult*>(map);
}

}  // namespace

TEST_CASE("a path that another thread exchanges never opens what the policy forbids") {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.forbid.push_back({.pattern = kBad, .origin = {"test.toml", 1, ""}});
  World world({.document = document, .emptiesRing = true});
  RaceResult* result = sharedResult();
  const ino_t forbidden = plant(world.directory());
  const int count = swaps();
  CHECK(world.run([&] { return race(result, forbidden, count); }) == 0);
  CHECK(result->forbidden == 0);
  CHECK(result->opened + result->refused >= count);
  // Both texts were seen, or nothing was exchanged.
  CHECK(result->opened > 0);
  CHECK(result->refused > 0);
  WARN("swaps: " << count << " tried, " << result->opened << " opened, " << result->refused << " refused, "
                 << result->forbidden << " forbidden");
  ::munmap(result, sizeof(RaceResult));
}

TEST_CASE("the same race is won against a supervisor that lets the kernel continue") {
  World world({.document = {}, .notified = Notified::kWrites, .wardenless = true});
  RaceResult* result = sharedResult();
  const ino_t forbidden = plant(world.directory());
  std::array<unsigned char, 256> inbox{};
  world.start([&] {
    for (int rounds = 0; rounds < 200 && result->forbidden == 0; ++rounds) (void)race(result, forbidden, 500);
    return 0;
  });
  auto notifier = std::move(KernelNotifier::create(UniqueFd(::dup(world.listener())), inbox)).value();
  for (;;) {
    pollfd listener{notifier.fd(), POLLIN, 0};
    if (::poll(&listener, 1, -1) > 0 && (listener.revents & POLLIN) == 0) break;
    inbox.fill(0);
    auto call = notifier.receive();
    if (!call || !*call) continue;
    char path[32] = {};
    (void)notifier.readMemory((*call)->thread, (*call)->arguments[1], path);
    const bool bad = std::strncmp(path, kBad, sizeof path) == 0;
    (void)notifier.answer((*call)->id, bad ? CallAnswer::failed(EACCES) : CallAnswer::proceed());
  }
  CHECK(world.finish() == 0);
  CHECK(result->forbidden > 0);
  ::munmap(result, sizeof(RaceResult));
}

TEST_CASE("a directory that is exchanged for a link never leads a write elsewhere") {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.forbid.push_back({.pattern = "/mnt/kept", .origin = {"test.toml", 1, ""}});
  World world({.document = document, .emptiesRing = true});
  const int count = swaps();
  REQUIRE(::mkdir((world.directory() + "/kept").c_str(), 0777) == 0);
  REQUIRE(::chmod((world.directory() + "/kept").c_str(), 0777) == 0);
  // Both names are there before; what is exchanged are names in an allowed directory.
  REQUIRE(::mkdir((world.directory() + "/real").c_str(), 0777) == 0);
  REQUIRE(::chmod((world.directory() + "/real").c_str(), 0777) == 0);
  REQUIRE(::symlink("kept", (world.directory() + "/link").c_str()) == 0);
  std::atomic<bool> stop = false;
  // From outside, where nothing holds up who exchanges.
  std::thread exchanger([&] {
    const std::string a = world.directory() + "/real";
    const std::string b = world.directory() + "/link";
    while (!stop) (void)::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
  });
  const int status = world.run([&] {
    for (int i = 0; i < count; ++i) {
      const std::string name = "/mnt/real/" + std::to_string(i);
      const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
      if (fd >= 0) ::close(fd);
    }
    return 0;
  });
  stop = true;
  exchanger.join();
  CHECK(status == 0);
  const std::string kept = world.directory() + "/kept";
  CHECK(::rmdir(kept.c_str()) == 0);  // nothing came into it
}

TEST_CASE("what is exchanged while it is read below a folder never gives what the policy forbids") {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.forbid.push_back({.pattern = "/mnt/shut", .origin = {"test.toml", 1, ""}});
  World world({.document = document, .notified = Notified::kAllOpens});
  RaceResult* result = sharedResult();
  const int count = swaps();
  const std::string root = world.directory();
  for (const char* name : {"/place", "/shut"}) {
    REQUIRE((::mkdir((root + name).c_str(), 0777) == 0 && ::chmod((root + name).c_str(), 0777) == 0));
  }
  const auto write = [&](const std::string& path, const char* text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE((fd >= 0 && ::write(fd, text, 1) == 1));
    ::close(fd);
  };
  write(root + "/place/name", "1");
  write(root + "/shut/name", "2");
  write(root + "/file", "1");
  REQUIRE(
      (::symlink("shut", (root + "/turned").c_str()) == 0 && ::symlink("shut/name", (root + "/link").c_str()) == 0));
  std::atomic<bool> stop = false;
  std::thread exchanger([&] {
    while (!stop) {
      for (const auto& [one, other] : {std::pair("/place", "/turned"), std::pair("/file", "/link")})
        (void)::renameat2(AT_FDCWD, (root + one).c_str(), AT_FDCWD, (root + other).c_str(), RENAME_EXCHANGE);
    }
  });
  const int status = world.run([&] {
    if (::chdir("/mnt") != 0) return 1;
    struct stat shut {};
    if (::stat("shut", &shut) != 0) return 2;
    for (int i = 0; i < count || (i < kPatience * count && (result->opened == 0 || result->refused == 0)); ++i) {
      for (const char* path : {"place/name", "file", "place"}) {
        const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
          ++result->refused;
          continue;
        }
        ++result->opened;
        struct stat seen {};
        char byte = 0;
        if (::fstat(fd, &seen) != 0 || seen.st_ino == shut.st_ino || (::read(fd, &byte, 1) == 1 && byte == '2'))
          ++result->forbidden;
        ::close(fd);
      }
    }
    return 0;
  });
  stop = true;
  exchanger.join();
  CHECK(status == 0);
  CHECK(result->forbidden == 0);
  CHECK(result->opened > 0);
  CHECK(result->refused > 0);
  WARN("swaps: " << count << " tried, " << result->opened << " opened, " << result->refused << " refused, "
                 << result->forbidden << " forbidden");
  ::munmap(result, sizeof(RaceResult));
}
