#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>

#include "sdk/base/io.h"
#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

policy::Document readWrite() {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  return document;
}

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
