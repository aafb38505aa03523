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

// O_TRUNC makes it a change, and nobody reads: it is being performed until the warden dies.
int truncateFifo(const char* path) { return make(path, O_TRUNC); }

void putFifo(const World& world) {
  const std::string path = world.directory() + "/fifo";
  REQUIRE(::mkfifo(path.c_str(), 0666) == 0);
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
}

volatile sig_atomic_t handled = 0;
void count(int) { handled = handled + 1; }
void handleAndRestart(int number) {
  struct sigaction action {};
  action.sa_handler = count;
  action.sa_flags = SA_RESTART;
  ::sigaction(number, &action, nullptr);
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

TEST_CASE("a signal does not have done again what a dead warden was performing") {
  World world({.document = asking(), .records = Records::kLeft});
  putFifo(world);
  world.start([] {
    handleAndRestart(SIGUSR1);
    return truncateFifo("/mnt/fifo") == EIO && handled == 1 ? 0 : 1;
  });
  REQUIRE(eventually([&] { return world.isPerforming(); }));
  world.killWarden();
  world.startWarden(true);
  world.sendRules(1);
  CHECK(world.expect<Record>().kind == RecordKind::kOutcomeUnknown);
  REQUIRE(::kill(world.target(), SIGUSR1) == 0);
  // Whoever opens it once more meets this reader.
  const UniqueFd reader(::open((world.directory() + "/fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(reader);
  CHECK(world.finish() == 0);
}
