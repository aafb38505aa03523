// What a name leads to besides itself: folders that are moved with what is in them, descriptors that came from outside,
// and what a question says of a call besides its path.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "sdk/base/unique_fd.h"
#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

bool exists(const World& world, const char* name) {
  return ::access((world.directory() + "/" + name).c_str(), F_OK) == 0;
}

}  // namespace

TEST_CASE("a folder above what is asked about is moved after asking only, and nothing is moved to its place") {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.ask.push_back(rule("/mnt/deep/asked"));
  document.files.askRead.push_back(rule("/mnt/read/*.key"));
  std::vector<std::string> asked;
  World world({.document = std::move(document), .answer = [&](const Ask& ask) {
                 asked.push_back(ask.action.action.target);
                 return Answer{.outcome = Outcome::kDenied};
               }});
  const std::string& outside = world.directory();
  for (const char* folder : {"/deep", "/deep/asked", "/read", "/plain", "/x"})
    REQUIRE(::mkdir((outside + folder).c_str(), 0755) == 0);
  for (const char* folder : {"/deep", "/deep/asked", "/read", "/plain", "/x"})
    (void)::chmod((outside + folder).c_str(), 0777);
  CHECK(world.run([] {
    if (::rename("/mnt/deep", "/mnt/moved") == 0 || errno != EPERM) return 1;
    if (::rename("/mnt/read", "/mnt/moved") == 0 || errno != EPERM) return 2;
    if (::renameat2(AT_FDCWD, "/mnt/x", AT_FDCWD, "/mnt/deep", RENAME_EXCHANGE) == 0 || errno != EPERM) return 3;
    return ::rename("/mnt/plain", "/mnt/moved") == 0 ? 0 : errno;
  }) == 0);
  CHECK(asked == std::vector<std::string>{"/mnt/deep", "/mnt/read", "/mnt/deep"});
  CHECK(exists(world, "deep/asked"));
}

TEST_CASE("a file of outside that came as a descriptor is not opened anew, whatever its name would be inside") {
  World world({.document = asking()});
  const std::string name = world.directory() + "/given";
  const UniqueFd given(::open(name.c_str(), O_RDONLY | O_CREAT, 0666));
  REQUIRE(given);
  REQUIRE(::fchmod(given.get(), 0666) == 0);
  const UniqueFd null(::open("/dev/null", O_RDONLY));
  const UniqueFd folder(::open(world.directory().c_str(), O_RDONLY | O_DIRECTORY));
  CHECK(world.run([&] {
    const std::string again = "/proc/self/fd/" + std::to_string(given.get());
    if (::open(again.c_str(), O_WRONLY) >= 0 || errno != EACCES) return 1;
    if (::openat(folder.get(), "given", O_WRONLY) >= 0 || errno != EACCES) return 2;
    if (::openat(folder.get(), "made", O_WRONLY | O_CREAT, 0644) >= 0 || errno != EACCES) return 3;
    const std::string nowhere = "/proc/self/fd/" + std::to_string(null.get());
    if (::open(nowhere.c_str(), O_WRONLY) < 0) return 4;
    // What the run has in memory is its own.
    const int memory = ::memfd_create("own", MFD_CLOEXEC);
    return ::open(("/proc/self/fd/" + std::to_string(memory)).c_str(), O_RDWR) >= 0 ? 0 : errno;
  }) == 0);
  CHECK_FALSE(exists(world, "made"));
}

TEST_CASE("calls that differ in what they were given besides their path are different questions, and say it") {
  std::vector<std::string> said;
  World world({.document = asking(), .answer = [&](const Ask& ask) {
                 said.push_back(ask.action.what + " " + ask.action.second);
                 return Answer{.outcome = Outcome::kDenied};
               }});
  REQUIRE(::close(::open((world.directory() + "/asked").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)) == 0);
  CHECK(world.run([] {
    (void)::chmod("/mnt/asked", 0600);
    (void)::chmod("/mnt/asked", 0777);
    (void)!::truncate("/mnt/asked", 7);
    (void)!::symlink("/etc/passwd", "/mnt/asked2");
    if (make("/mnt/plain") != 0) return 1;
    (void)::rename("/mnt/plain", "/mnt/asked");
    return 0;
  }) == 0);
  CHECK(said.size() == 5);
  for (const char* text :
       {"chmod 0600", "chmod 0777", "truncate to 7 bytes", "symlink to /etc/passwd", "rename from /mnt/plain"}) {
    INFO(text);
    CHECK(std::ranges::any_of(said, [&](const std::string& one) {
      return one.find(std::string(text).substr(std::string(text).find(' '))) != std::string::npos;
    }));
  }
}
