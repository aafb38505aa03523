// Opening for reading where every open is notified, again and again: what is remembered of the first time changes
// nothing.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <fstream>
#include <string>

#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

void put(const std::string& path, const char* text) {
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
}

// Its first byte; -errno.
int firstByte(const char* path, int flags = O_RDONLY | O_CLOEXEC) {
  const int fd = ::open(path, flags);
  if (fd < 0) return -errno;
  char byte = 0;
  const ssize_t got = ::read(fd, &byte, 1);
  ::close(fd);
  return got == 1 ? byte : -EIO;
}

int countNames(const char* path) {
  DIR* directory = ::opendir(path);
  if (directory == nullptr) return -errno;
  int count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count - 2;
}

}  // namespace

TEST_CASE("what was read again and again is refused as soon as other rules are in force") {
  policy::Document document = readWrite();
  World world({.document = document, .notified = Notified::kAllOpens});
  put(world.directory() + "/name", "text");
  REQUIRE(::mkdir((world.directory() + "/folder").c_str(), 0777) == 0);
  std::array<int, 2> told{};
  std::array<int, 2> go{};
  REQUIRE((::pipe2(told.data(), O_CLOEXEC) == 0 && ::pipe2(go.data(), O_CLOEXEC) == 0));
  world.start([&] {
    for (int i = 0; i < 50; ++i) {
      if (firstByte("/mnt/name") != 't' || countNames("/mnt/folder") != 0 || countNames("/mnt/folder/") != 0) return 1;
    }
    char byte = 0;
    if (::write(told[1], "t", 1) != 1 || ::read(go[0], &byte, 1) != 1) return 2;
    if (firstByte("/mnt/name") != -EACCES) return 3;
    return countNames("/mnt/folder") == -EACCES && countNames("/mnt/folder/") == -EACCES ? 0 : 4;
  });
  char byte = 0;
  REQUIRE(::read(told[0], &byte, 1) == 1);
  for (const char* name : {"$WORKSPACE/name", "$WORKSPACE/folder"})
    document.files.forbid.push_back({.pattern = name, .origin = {}});
  world.setDocument(document);
  world.sendRules(2);
  (void)world.expect<RulesInForce>([](const RulesInForce& rules) { return rules.generation == 2; });
  REQUIRE(::write(go[1], "g", 1) == 1);
  CHECK(world.finish() == 0);
  for (const int fd : {told[0], told[1], go[0], go[1]}) ::close(fd);
}

TEST_CASE(
    "a reader gets what has the name now: another file, none, a forbidden one behind a link or under another name") {
  policy::Document document = readWrite();
  document.files.forbid.push_back({.pattern = "$WORKSPACE/kept", .origin = {}});
  World world({.document = document, .notified = Notified::kAllOpens});
  put(world.directory() + "/a", "1");
  put(world.directory() + "/b", "2");
  put(world.directory() + "/kept", "secret");
  CHECK(world.run([] {
    for (int i = 0; i < 20; ++i) {
      if (firstByte("/mnt/a") != '1' || firstByte("/mnt/b") != '2') return 1;
      if (::rename("/mnt/a", "/mnt/c") != 0 || firstByte("/mnt/a") != -ENOENT) return 2;
      if (::rename("/mnt/b", "/mnt/a") != 0 || firstByte("/mnt/a") != '2' || firstByte("/mnt/c") != '1') return 3;
      if (::rename("/mnt/a", "/mnt/b") != 0 || ::symlink("kept", "/mnt/a") != 0) return 4;
      if (firstByte("/mnt/a") != -EACCES || firstByte("/mnt/a", O_RDONLY | O_NOFOLLOW) != -ELOOP) return 5;
      if (::unlink("/mnt/a") != 0 || ::rename("/mnt/c", "/mnt/a") != 0) return 6;
      if (firstByte("/mnt/kept") != -EACCES) return 7;
    }
    return 0;
  }) == 0);
}

TEST_CASE("a folder is opened as what its caller means by it, and a file is none") {
  World world({.document = readWrite(), .notified = Notified::kAllOpens});
  put(world.directory() + "/file", "1");
  CHECK(world.run([] {
    if (::mkdir("/mnt/one", 0755) != 0 || ::mkdir("/mnt/one/in", 0755) != 0 || ::chdir("/mnt/one") != 0) return 1;
    for (int i = 0; i < 20; ++i) {
      if (countNames(".") != 1 || countNames("in/") != 0 || countNames("../one/") != 1) return 2;
      if (::rename("/mnt/one", "/mnt/two") != 0 || countNames(".") != 1 || countNames("/mnt/one") != -ENOENT) return 3;
      if (::mkdir("/mnt/one", 0755) != 0 || countNames("/mnt/one") != 0 || countNames("in") != 0) return 4;
      if (countNames("/mnt/file") != -ENOTDIR || countNames("/mnt/file/") != -ENOTDIR) return 5;
      if (firstByte("/mnt/file/") != -ENOTDIR || firstByte("/mnt/file") != '1') return 6;
      if (::rmdir("/mnt/one") != 0 || ::rename("/mnt/two", "/mnt/one") != 0) return 7;
      const int fd = ::open("in/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (fd < 0 || (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 || (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) return 8;
      ::close(fd);
    }
    if (::rmdir("in") != 0 || ::rmdir("/mnt/one") != 0) return 9;
    return ::open("file", O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT ? 0 : 10;
  }) == 0);
}

TEST_CASE("the writer of a FIFO meets its reader and nobody before, whatever lay there when it was read") {
  World world({.document = readWrite(), .notified = Notified::kAllOpens});
  put(world.directory() + "/name", "1");
  CHECK(world.run([] {
    for (int i = 0; i < 10; ++i) {
      if (firstByte("/mnt/name") != '1') return 1;
    }
    if (::unlink("/mnt/name") != 0 || ::mkfifo("/mnt/name", 0600) != 0) return 2;
    for (int i = 0; i < 10; ++i) {
      const pid_t writer = ::fork();
      if (writer == 0) {
        ::alarm(60);
        const int fd = ::open("/mnt/name", O_WRONLY | O_CLOEXEC);
        ::_exit(fd >= 0 && ::write(fd, "2", 1) == 1 ? 0 : 1);
      }
      if (firstByte("/mnt/name") != '2') return 3;
      int status = 0;
      if (::waitpid(writer, &status, 0) != writer || status != 0) return 4;
    }
    return 0;
  }) == 0);
}

TEST_CASE("a name with links in it is read again and again as what it leads to now") {
  policy::Document document = readWrite();
  document.files.forbid.push_back({.pattern = "$WORKSPACE/kept", .origin = {}});
  World world({.document = document, .notified = Notified::kAllOpens});
  put(world.directory() + "/a", "1");
  put(world.directory() + "/b", "2");
  put(world.directory() + "/kept", "secret");
  REQUIRE(::mkdir((world.directory() + "/folder").c_str(), 0777) == 0);
  put(world.directory() + "/folder/in", "3");
  const auto turn = [](const char* to) {
    return (::unlink("/mnt/link") == 0 || errno == ENOENT) && ::symlink(to, "/mnt/link") == 0;
  };
  CHECK(world.run([&] {
    for (int i = 0; i < 10; ++i) {
      for (int j = 0; j < 3; ++j) {
        if (!turn("a") || firstByte("/mnt/link") != '1' || firstByte("/mnt/link") != '1') return 1;
        if (!turn("/mnt/b") || firstByte("/mnt/link") != '2' || firstByte("/mnt/link", O_RDONLY | O_NOFOLLOW) != -ELOOP)
          return 2;
      }
      if (!turn("kept") || firstByte("/mnt/link") != -EACCES || firstByte("/mnt/link") != -EACCES) return 3;
      if (!turn("nothing") || firstByte("/mnt/link") != -ENOENT) return 4;
      if (!turn("link") || firstByte("/mnt/link") != -ELOOP) return 5;
      if (!turn("folder") || firstByte("/mnt/link/in") != '3' || countNames("/mnt/link") != 1) return 6;
      if (!turn("/proc/self/comm") || firstByte("/mnt/link") <= 0) return 7;
    }
    return 0;
  }) == 0);
}

TEST_CASE("what is relative to a folder is read in that folder, whichever has its number or its name now") {
  policy::Document document = readWrite();
  document.files.forbid.push_back({.pattern = "$WORKSPACE/two/kept", .origin = {}});
  World world({.document = document, .notified = Notified::kAllOpens});
  for (const char* name : {"/one", "/two"}) REQUIRE(::mkdir((world.directory() + name).c_str(), 0777) == 0);
  put(world.directory() + "/one/kept", "1");
  put(world.directory() + "/two/kept", "2");
  const auto firstByteAt = [](int folder, const char* path) {
    const int fd = ::openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    char byte = 0;
    const ssize_t got = ::read(fd, &byte, 1);
    ::close(fd);
    return got == 1 ? static_cast<int>(byte) : -EIO;
  };
  CHECK(world.run([&] {
    constexpr int kPlace = 77;
    for (int i = 0; i < 10; ++i) {
      const int one = ::open("/mnt/one", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      const int two = ::open("/mnt/two", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      for (int j = 0; j < 3; ++j) {
        if (::dup2(one, kPlace) != kPlace || firstByteAt(kPlace, "kept") != '1') return 1;
        if (firstByteAt(kPlace, "nothing") != -ENOENT || firstByteAt(kPlace, "../two/kept") != -EACCES) return 2;
        if (::dup2(two, kPlace) != kPlace || firstByteAt(kPlace, "kept") != -EACCES) return 3;
        if (::fchdir(one) != 0 || firstByteAt(AT_FDCWD, "kept") != '1') return 4;
        if (::fchdir(two) != 0 || firstByteAt(AT_FDCWD, "kept") != -EACCES) return 5;
      }
      if (::rename("/mnt/one", "/mnt/other") != 0 || firstByteAt(one, "kept") != '1') return 6;
      if (::mkdir("/mnt/one", 0755) != 0 || firstByteAt(one, "kept") != '1') return 7;
      if (::rmdir("/mnt/one") != 0 || ::rename("/mnt/other", "/mnt/one") != 0) return 8;
      ::close(kPlace);
      if (firstByteAt(kPlace, "kept") != -EBADF) return 9;
      ::close(one);
      ::close(two);
    }
    return 0;
  }) == 0);
}

TEST_CASE("a name below a folder is read again and again as what has it now: another file, a link, a FIFO, nothing") {
  policy::Document document = readWrite();
  document.files.forbid.push_back({.pattern = "$WORKSPACE/kept", .origin = {}});
  World world({.document = document, .notified = Notified::kAllOpens});
  const std::string folder = world.directory() + "/folder";
  REQUIRE((::mkdir(folder.c_str(), 0777) == 0 && ::chmod(folder.c_str(), 0777) == 0));
  put(folder + "/a", "1");
  put(folder + "/b", "2");
  put(world.directory() + "/kept", "3");
  CHECK(world.run([] {
    if (::chdir("/mnt/folder") != 0 || ::mkdir("in", 0755) != 0) return 1;
    for (int i = 0; i < 10; ++i) {
      for (int j = 0; j < 3; ++j) {
        if (firstByte("a") != '1' || firstByte("b") != '2' || countNames("in/") != 0 || countNames(".") != 3) return 2;
      }
      if (firstByte("a", O_RDONLY | O_DIRECTORY) != -ENOTDIR || firstByte("./a") != '1' || firstByte("in/a") != -ENOENT)
        return 3;
      if (::rename("a", "c") != 0 || firstByte("a") != -ENOENT || ::symlink("b", "a") != 0) return 4;
      if (firstByte("a") != '2' || firstByte("a", O_RDONLY | O_NOFOLLOW) != -ELOOP || ::unlink("a") != 0) return 5;
      if (::symlink("../kept", "a") != 0 || firstByte("a") != -EACCES || ::unlink("a") != 0) return 6;
      if (::mkfifo("a", 0600) != 0 || firstByte("a", O_RDONLY | O_NONBLOCK) != -EIO || ::unlink("a") != 0) return 7;
      if (::mkdir("a", 0755) != 0 || countNames("a") != 0 || ::rmdir("a") != 0 || countNames("a") != -ENOENT) return 8;
      if (::rename("b", "a") != 0 || firstByte("a") != '2' || ::rename("a", "b") != 0 || ::rename("c", "a") != 0)
        return 9;
    }
    return 0;
  }) == 0);
}

TEST_CASE(
    "a folder that somebody outside moves gives nothing under its new name that was not given under the old one") {
  policy::Document document = readWrite();
  document.files.forbid.push_back({.pattern = "$WORKSPACE/shut", .origin = {}});
  World world({.document = document, .notified = Notified::kAllOpens});
  REQUIRE(::mkdir((world.directory() + "/folder").c_str(), 0777) == 0);
  put(world.directory() + "/folder/read", "1");
  put(world.directory() + "/folder/other", "2");
  std::array<int, 2> told{};
  std::array<int, 2> go{};
  REQUIRE((::pipe2(told.data(), O_CLOEXEC) == 0 && ::pipe2(go.data(), O_CLOEXEC) == 0));
  world.start([&] {
    if (::chdir("/mnt/folder") != 0) return 1;
    for (int i = 0; i < 3; ++i) {
      if (firstByte("read") != '1') return 2;
    }
    char byte = 0;
    if (::write(told[1], "t", 1) != 1 || ::read(go[0], &byte, 1) != 1) return 3;
    return firstByte("other") == -EACCES && countNames(".") == -EACCES && firstByte("new") == -ENOENT ? 0 : 4;
  });
  char byte = 0;
  REQUIRE(::read(told[0], &byte, 1) == 1);
  REQUIRE(::rename((world.directory() + "/folder").c_str(), (world.directory() + "/shut").c_str()) == 0);
  REQUIRE(::write(go[1], "g", 1) == 1);
  CHECK(world.finish() == 0);
  for (const int fd : {told[0], told[1], go[0], go[1]}) ::close(fd);
}

TEST_CASE("/dev/null is the device that it is everywhere, opened as its caller says") {
  World world({.document = readWrite(), .notified = Notified::kAllOpens});
  CHECK(world.run([] {
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_NONBLOCK, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND}) {
      const int fd = ::open("/dev/null", flags, 0600);
      struct stat status {};
      if (fd < 0 || ::fstat(fd, &status) != 0 || !S_ISCHR(status.st_mode)) return 1;
      constexpr int kSeen = O_ACCMODE | O_NONBLOCK | O_APPEND;
      if (status.st_rdev != makedev(1, 3) || (::fcntl(fd, F_GETFL) & kSeen) != (flags & kSeen)) return 2;
      if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) return 3;
      if ((flags & O_ACCMODE) != O_RDONLY && ::write(fd, "x", 1) != 1) return 4;
      ::close(fd);
    }
    return ::open("/dev/null", O_RDONLY | O_DIRECTORY) < 0 && errno == ENOTDIR ? 0 : 5;
  }) == 0);
}
