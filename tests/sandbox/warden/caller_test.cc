#include "sandbox/warden/caller.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <climits>

#include "sandbox/kernel/guarded_calls.h"
#include "sdk/base/io.h"
#include "tests/sandbox/warden/fake_notifier.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

struct World {
  test::FakeNotifier notifier;
  UniqueFd proc = std::move(openAt(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY)).value();
  Caller caller{proc.get(), notifier, Notification{.id = 1, .thread = ::getpid()}};
};

}  // namespace

TEST_CASE("a path that ends before its memory does is copied without its NUL") {
  World world;
  world.notifier.memory[0x1000] = std::string("/etc/x\0junk", 11);
  const auto path = world.caller.path(0x1000);
  REQUIRE(path);
  CHECK(*path == "/etc/x");
}

TEST_CASE("a path that runs into memory that is not there is EFAULT") {
  World world;
  world.notifier.memory[0x1000] = std::string(100, 'a');
  CHECK(world.caller.path(0x1000).error().value == EFAULT);
  CHECK(world.caller.path(0x9000).error().value == EFAULT);
  world.notifier.memory[0x1000] = std::string(1000, 'a');
  CHECK(world.caller.path(0x1000).error().value == EFAULT);
}

TEST_CASE("the longest path is one byte shorter than PATH_MAX") {
  World world;
  world.notifier.memory[0x1000] = std::string(PATH_MAX - 1, 'a') + std::string(1, '\0');
  const auto path = world.caller.path(0x1000);
  REQUIRE(path);
  CHECK(path->size() == PATH_MAX - 1);
  world.notifier.memory[0x1000] = std::string(PATH_MAX, 'a') + std::string(1, '\0');
  CHECK(world.caller.path(0x1000).error().value == ENAMETOOLONG);
}

TEST_CASE("an empty path is ENOENT") {
  World world;
  world.notifier.memory[0x1000] = std::string(4, '\0');
  CHECK(world.caller.path(0x1000).error().value == ENOENT);
}

TEST_CASE("a descriptor of the caller is pinned as the object that it is, one opened with O_PATH is no descriptor") {
  World world;
  const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd path(::open("/dev/null", O_PATH | O_CLOEXEC));
  struct stat expected {};
  REQUIRE(::fstat(file.get(), &expected) == 0);
  const auto object = world.caller.object(file.get());
  REQUIRE(object);
  struct stat found {};
  REQUIRE(::fstat(object->get(), &found) == 0);
  CHECK(found.st_ino == expected.st_ino);
  CHECK(world.caller.object(path.get()).error().value == EBADF);
  CHECK(world.caller.object(-5).error().value == EBADF);
  CHECK(world.caller.base(12345).error().value == EBADF);
  CHECK(world.caller.base(path.get()));
}

TEST_CASE("a process of this mount namespace and root sees what we see") {
  World world;
  CHECK(world.caller.seesWhatWeSee());
}

TEST_CASE("an inbox of zeroes holds no call") {
  const std::array<unsigned char, 256> inbox{};
  CHECK_FALSE(readInbox(inbox));
}

TEST_CASE("every call that a warden performs has a name of its own, and an unknown number is none of them") {
  for (int call = 1; call <= static_cast<int>(GuardedCall::kExecveat); ++call) {
    CHECK_FALSE(guardedCallName(static_cast<GuardedCall>(call)).empty());
  }
  CHECK(guardedCallOf(-1) == GuardedCall::kUnknown);
  CHECK(guardedCallOf(100000) == GuardedCall::kUnknown);
  CHECK(guardedCallName(GuardedCall::kUnknown) == "unknown");
}
