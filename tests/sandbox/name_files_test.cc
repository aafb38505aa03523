// Copies of the host's files about names, of files that are the test's own.
#include "sandbox/launcher/name_files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <optional>

#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using test::TempDir;

namespace {

struct Host {
  TempDir dir;
  std::string etc = dir.makeDirectory("etc"), run = dir.makeDirectory("run"), copies = dir.path() + "/names";
  std::optional<NameFiles> files;

  void watch() {
    auto made = NameFiles::create(copies, {etc + "/resolv.conf", etc + "/hosts"});
    REQUIRE(made);
    files.emplace(*std::move(made));
  }
  // What the loop does when it is told of a change.
  bool changed() {
    pollfd watched{files->fd(), POLLIN, 0};
    if (::poll(&watched, 1, 10'000) != 1) return false;
    files->onChange();
    return true;
  }
  std::string copy(const std::string& name) const {
    return readFileAt(AT_FDCWD, copies + "/" + name, mebibytes(2)).value_or("none");
  }
  void replace(const std::string& path, const std::string& text) const {
    (void)dir.write(path + ".new", text);
    REQUIRE(::rename((dir.path() + "/" + path + ".new").c_str(), (dir.path() + "/" + path).c_str()) == 0);
  }
};

}  // namespace

TEST_CASE("a file about names is followed when it is replaced, written, removed and made") {
  Host host;
  (void)host.dir.write("etc/resolv.conf", "one");
  host.watch();
  CHECK(host.copy("resolv.conf") == "one");
  CHECK(host.copy("hosts") == "none");
  struct stat status {};
  REQUIRE(::stat((host.copies + "/resolv.conf").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
  // Whoever has the directory sees the new file.
  const UniqueFd held = std::move(openAt(AT_FDCWD, host.copies, O_PATH | O_DIRECTORY)).value();
  host.replace("etc/resolv.conf", "two");
  REQUIRE(host.changed());
  CHECK(readFileAt(held.get(), "resolv.conf", kibibytes(1)).value() == "two");
  (void)host.dir.write("etc/resolv.conf", "three");
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "three");
  (void)host.dir.write("etc/hosts", "127.0.0.1 localhost");
  REQUIRE(host.changed());
  CHECK(host.copy("hosts") == "127.0.0.1 localhost");
  REQUIRE(::unlink((host.etc + "/resolv.conf").c_str()) == 0);
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "none");
  host.replace("etc/resolv.conf", "four");
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "four");
}

TEST_CASE("a link is followed: when its target is replaced, when it is led elsewhere, and when it becomes a file") {
  Host host;
  (void)host.dir.write("run/stub", "stub");
  (void)host.dir.write("run/other", "other");
  std::filesystem::create_symlink("../run/stub", host.etc + "/resolv.conf");
  host.watch();
  CHECK(host.copy("resolv.conf") == "stub");
  host.replace("run/stub", "stub anew");
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "stub anew");
  std::filesystem::create_symlink(host.run + "/other", host.etc + "/next");
  REQUIRE(::rename((host.etc + "/next").c_str(), (host.etc + "/resolv.conf").c_str()) == 0);
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "other");
  host.replace("run/other", "other anew");
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "other anew");
  host.replace("etc/resolv.conf", "a file");
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "a file");
}

TEST_CASE("a file that no resolver would read has no copy, and neither have the names of another network") {
  Host host;
  (void)host.dir.write("etc/resolv.conf", "one");
  host.watch();
  host.replace("etc/resolv.conf", std::string(mebibytes(1).count + 1, '#'));
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "none");
  std::filesystem::create_symlink("resolv.conf", host.etc + "/circle");
  REQUIRE(::rename((host.etc + "/circle").c_str(), (host.etc + "/resolv.conf").c_str()) == 0);
  REQUIRE(host.changed());
  CHECK(host.copy("resolv.conf") == "none");
  // One that comes after another goes on with its directory.
  host.replace("etc/resolv.conf", "two");
  host.watch();
  CHECK(host.copy("resolv.conf") == "two");
}
