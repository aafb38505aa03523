// Wardens that are killed at any moment: nothing happens unasked, nothing happens twice, and nobody waits for ever.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

struct Progress {
  std::atomic<int> calls, done, unknown, refused, wrong;
  std::atomic<bool> stop;
};

int kills() {
  const char* wanted = std::getenv("RINGFENCE_KILLS");
  return wanted != nullptr ? std::atoi(wanted) : 20;
}

// Each directory is made once: to hear that it is there already would be an effect that happened twice.
int work(Progress* progress) {
  for (int i = 0; !progress->stop; ++i) {
    const std::string name = "/mnt/" + std::string(i % 4 == 0 ? "asked" : "made") + "/" + std::to_string(i);
    const int error = ::mkdir(name.c_str(), 0755) == 0 ? 0 : errno;
    const bool there = ::access(name.c_str(), F_OK) == 0;
    if (error == 0 && there)
      ++progress->done;
    else if (error == EIO)
      ++progress->unknown;
    else
      ++progress->wrong;
    if (::mkdir(("/mnt/forbidden/" + std::to_string(i)).c_str(), 0755) == 0 || errno != EACCES)
      ++progress->wrong;
    else
      ++progress->refused;
    ++progress->calls;
  }
  return 0;
}

}  // namespace

TEST_CASE("a warden that is killed at any moment leaves nothing undecided, nothing done twice and nobody waiting") {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.ask.push_back({.pattern = "/mnt/asked", .origin = {"t", 1, ""}});
  document.files.forbid.push_back({.pattern = "/mnt/forbidden", .origin = {"t", 2, ""}});
  World world({.document = document,
               .answer = [](const Ask&) { return Answer{.outcome = Outcome::kAllowed}; },
               .emptiesRing = true});
  for (const char* name : {"/made", "/asked", "/forbidden"}) {
    REQUIRE(::mkdir((world.directory() + name).c_str(), 0777) == 0);
    REQUIRE(::chmod((world.directory() + name).c_str(), 0777) == 0);
  }
  auto* progress = static_cast<Progress*>(
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  world.start([&] { return work(progress); });
  std::mt19937 random(std::random_device{}());
  const int count = kills();
  bool stuck = false;
  for (int kill = 0; kill < count && !stuck; ++kill) {
    const int before = progress->calls;
    // Goes on after each death, and is then killed somewhere within the next calls.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (progress->calls == before && !stuck) {
      stuck = std::chrono::steady_clock::now() > deadline;
      ::usleep(200);
    }
    ::usleep(static_cast<useconds_t>(random() % 3000));
    world.killWarden();
    world.startWarden(true);
    world.sendRules(1);
  }
  CHECK_FALSE(stuck);
  progress->stop = true;
  CHECK(world.finish() == 0);
  CHECK(progress->wrong == 0);
  CHECK(progress->done > 0);
  CHECK(::rmdir((world.directory() + "/forbidden").c_str()) == 0);
  WARN("kills: " << count << ", calls done " << progress->done << ", unknown " << progress->unknown << ", refused "
                 << progress->refused << ", wrong " << progress->wrong);
  ::munmap(progress, sizeof(Progress));
}
