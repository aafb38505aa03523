#include "sandbox/launcher/placeholder.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

Identity someRun() {
  Identity run;
  run.uid = 65'001;
  run.gid = 65'002;
  run.groups = {65'003};
  return run;
}

std::string reportOf(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return path.substr(path.rfind('/') + 1) + '\0' + std::to_string(status.st_dev) + '\0' +
         std::to_string(status.st_ino) + '\0';
}

// One directory of the run's group with what is held in it, and one that is root's alone.
struct Places {
  explicit Places(Disk where) : disk(where) {
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    for (const char* name : {"theirs", "roots"}) REQUIRE(::mkdir(path(name).c_str(), 0755) == 0);
    REQUIRE(::chown(path("theirs").c_str(), 0, 65'003) == 0);
    REQUIRE(::chmod(path("theirs").c_str(), 0770) == 0);
    for (const char* name : {"theirs/.a", "theirs/.b", "roots/.a"}) directory.write(name, "");
    directory.write("theirs/full", "x");
  }
  std::string path(const std::string& name) const { return directory.path() + "/" + name; }
  void add(const char* parent, const std::string& text) {
    UniqueFd fd(::open(path(parent).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto made = Placeholder::of(std::move(fd), disk, text, someRun());
    REQUIRE(made);
    for (auto& each : *made) files.push_back(std::move(each));
  }
  bool exists(const char* name) const { return std::filesystem::exists(path(name)); }

  Disk disk;
  test::TempDir directory;
  std::vector<Placeholder> files;
};

}  // namespace

TEST_CASE("held places are removed with the rights of the run, and nothing but empty files that are the same") {
  for (const Disk disk : {Disk::kLocal, Disk::kMayBlock}) {
    CAPTURE(static_cast<int>(disk));
    Places places(disk);
    const std::string text = reportOf(places.path("theirs/.a"));
    places.add("theirs", text + reportOf(places.path("theirs/.b")) + reportOf(places.path("theirs/full")));
    places.add("roots", reportOf(places.path("roots/.a")));
    REQUIRE(::rename(places.path("theirs/.b").c_str(), places.path("theirs/.c").c_str()) == 0);
    places.directory.write("theirs/.b", "");
    REQUIRE(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
    removeAll(std::move(places.files));
    CHECK(!places.exists("theirs/.a"));
    CHECK(places.exists("theirs/.b"));  // Another file of this name.
    CHECK(places.exists("theirs/.c"));
    CHECK(places.exists("theirs/full"));
    CHECK(places.exists("roots/.a"));
    CHECK(::geteuid() == 0);
    CHECK(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
  }
}

TEST_CASE("the file that holds git's commondir is removed with its one character, and not with another's words in it") {
  for (const char* content : {"", ".", "..", "../elsewhere"}) {
    CAPTURE(content);
    Places places(Disk::kLocal);
    places.directory.write("theirs/commondir", content);
    places.add("theirs", reportOf(places.path("theirs/commondir")));
    removeAll(std::move(places.files));
    CHECK(places.exists("theirs/commondir") == (std::string_view(content).size() > 1));
  }
}

TEST_CASE("a report of held places that is broken is none") {
  for (const std::string& text : {std::string("a"), std::string("a\0001\0", 4), std::string("a/b\0001\0002\0", 8),
                                  std::string("\0001\0002\0", 5), std::string("a\0001\0x\0", 6)}) {
    CAPTURE(text);
    CHECK(!Placeholder::of(UniqueFd(::open("/", O_PATH | O_CLOEXEC)), Disk::kLocal, text, someRun()));
  }
}
