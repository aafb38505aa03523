// What a dead warden was performing, as the next one leaves it: not done again, and in nobody's way.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>

#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

int make(const char* path, int flags = 0) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

// O_TRUNC makes it a change, and nobody reads: it is being performed until the warden dies.
int truncateFifo(const char* path) { return make(path, O_TRUNC); }

void putFifo(const World& world) {
  const std::string path = world.directory() + "/fifo";
  REQUIRE(::mkfifo(path.c_str(), 0666) == 0);
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
}

}  // namespace

TEST_CASE("after a call by a relative path that a dead warden was performing, paths are found again") {
  World world({.document = asking()});
  putFifo(world);
  world.start([] {
    if (::chdir("/mnt") != 0 || truncateFifo("fifo") != EIO) return 1;
    if (make("/mnt/absolute") != 0 || make("relative") != 0 || ::mkdir("folder", 0755) != 0) return 2;
    return make("forbidden") == EACCES && make("/mnt/forbidden") == EACCES ? 0 : 3;
  });
  REQUIRE(eventually([&] { return world.isPerforming(); }));
  world.killWarden();
  world.startWarden(true);
  world.sendRules(1);
  const auto record = world.expect<Record>();
  CHECK(record.kind == RecordKind::kOutcomeUnknown);
  CHECK(record.action.action.target == "fifo");
  CHECK(world.finish() == 0);
}
