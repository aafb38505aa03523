#include "sandbox/kernel/folder_memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <set>
#include <string>

#include "sandbox/kernel/masks.h"
#include "sdk/base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace ringfence::sandbox {
namespace {

const std::vector<GlobQuery> kSecrets{{"**/.env*", 256, true}};

FirstBytes firstBytes(std::string_view bytes) {
  FirstBytes first;
  for (const char byte : bytes) first.set(static_cast<unsigned char>(byte));
  return first;
}

FolderStamp stampOf(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return FolderStamp::of(status);
}

UniqueFd openFolder(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

KnownFolder folder(std::uint64_t inode, std::vector<KnownFolder::Name> names) {
  const auto count = static_cast<std::uint32_t>(names.size());
  return {.stamp = {1, inode, 100, 7}, .count = count, .names = std::move(names)};
}

}  // namespace

TEST_CASE("a walk takes what it knows for an unchanged folder, and reads one that was changed") {
  test::TempDir directory;
  directory.write("sub/plain", "x");
  const std::string sub = directory.path() + "/sub";
  const UniqueFd fd = openFolder(directory.path());
  FolderMemory memory;
  memory.lookFor(firstBytes("."));
  // What was never there tells that nobody looked.
  memory.learn({.stamp = stampOf(sub), .count = 1, .names = {{".env", DT_REG}}});
  CHECK(expandGlobs(fd.get(), kSecrets, &memory).value()[0].matches == std::vector<std::string>{"sub/.env"});

  const FolderStamp before = stampOf(sub);
  for (int i = 0; stampOf(sub) == before; ++i) directory.write("sub/more" + std::to_string(i), "x");
  CHECK(expandGlobs(fd.get(), kSecrets, &memory).value()[0].matches.empty());
  directory.write("sub/.env.local", "x");
  CHECK(expandGlobs(fd.get(), kSecrets, &memory).value()[0].matches == std::vector<std::string>{"sub/.env.local"});
}

TEST_CASE("what a walk counts is counted of known folders too, and a known empty one hides no other of its name") {
  test::TempDir directory;
  directory.write("sub/.env", "x");
  directory.write("other/sub/.env", "x");
  const UniqueFd fd = openFolder(directory.path());
  FolderMemory memory;
  memory.lookFor(firstBytes("."));
  memory.learn({.stamp = stampOf(directory.path() + "/sub"), .count = 0, .names = {}});
  CHECK(expandGlobs(fd.get(), kSecrets, &memory).value()[0].matches == std::vector<std::string>{"other/sub/.env"});
  memory.learn({.stamp = stampOf(directory.path() + "/sub"), .count = 100'001, .names = {}});
  CHECK(expandGlobs(fd.get(), kSecrets, &memory).value()[0].cut);
}

TEST_CASE("two walks of one tree find the same, the second with what the first learned") {
  const UniqueFd fd = openFolder("/etc");
  FolderMemory memory;
  const std::vector<GlobQuery> queries{{"**/passwd", 256, true}, {"**/*.d", 256, false}};
  const auto read = expandGlobs(fd.get(), queries);
  const auto learning = expandGlobs(fd.get(), queries, &memory);
  const auto knowing = expandGlobs(fd.get(), queries, &memory);
  REQUIRE((read && learning && knowing));
  for (std::size_t i = 0; i < queries.size(); ++i) {
    CHECK((*read)[i].matches == (*learning)[i].matches);
    CHECK((*read)[i].matches == (*knowing)[i].matches);
  }
  const UniqueFd readable(::open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK((memory.size() > 0) == keepsTimesOfChange(readable.get()));
}

TEST_CASE("a folder is remembered only a second after its last change, and never one from the future") {
  const FolderStamp stamp{1, 2, 100, 500};
  CHECK(!stamp.isSettled({100, 900}));
  CHECK(!stamp.isSettled({101, 499}));
  CHECK(stamp.isSettled({101, 500}));
  CHECK(stamp.isSettled({102, 0}));
  CHECK(!stamp.isSettled({99, 0}));
}

TEST_CASE("times of change are trusted on no file system that others than this kernel keep") {
  const UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(!keepsTimesOfChange(proc.get()));
  CHECK(!keepsTimesOfChange(-1));
}

TEST_CASE("what was learned is told once, and known to whoever absorbs it") {
  FolderMemory child, parent;
  child.lookFor(firstBytes(".s"));
  child.learn(folder(2, {{"src", DT_DIR}, {".env", DT_REG}}));
  child.learn(folder(3, {}));
  const std::string news = child.takeNews(4096);
  CHECK(child.takeNews(4096).empty());
  parent.absorb(news);
  const KnownFolder* known = parent.find(folder(2, {}).stamp);
  REQUIRE(known != nullptr);
  CHECK(known->count == 2);
  REQUIRE(known->names.size() == 2);
  CHECK(known->names[1].name == ".env");
  CHECK(known->names[0].kind == DT_DIR);
  CHECK(parent.size() == 2);
  CHECK(parent.takeNews(4096).empty());
  CHECK(parent.find({1, 2, 100, 8}) == nullptr);

  parent.lookFor(firstBytes("."));
  CHECK(parent.size() == 2);  // Fewer names are wanted than are known.
  parent.lookFor(firstBytes(".a"));
  CHECK(parent.size() == 0);
  child.learn(folder(4, {}));
  parent.absorb(child.takeNews(4096));
  CHECK(parent.lookedFor() == firstBytes(".s"));
  FolderMemory narrow;
  narrow.lookFor(firstBytes("."));
  narrow.learn(folder(5, {}));
  parent.absorb(narrow.takeNews(4096));  // In which names that begin with an s are missing.
  CHECK(parent.size() == 1);
  CHECK(parent.lookedFor() == firstBytes("."));
}

TEST_CASE("names that are watched are told with their folder, and one that is none leaves nothing remembered") {
  FolderMemory child, parent;
  child.lookFor(firstBytes("."));
  KnownFolder some = folder(2, {{"src", DT_DIR}}), none = folder(3, {});
  some.watched = {"run.sh", "x.sh"};
  none.watched.emplace();
  for (const KnownFolder& each : {some, none, folder(4, {})}) child.learn(each);
  const std::string news = child.takeNews(4096);
  parent.absorb(news);
  REQUIRE(parent.size() == 3);
  CHECK(parent.find(some.stamp)->watched == some.watched);
  CHECK(parent.find(some.stamp)->names.size() == 1);
  CHECK(parent.find(none.stamp)->watched == none.watched);
  CHECK_FALSE(parent.find(folder(4, {}).stamp)->watched);
  for (const char* name : {"..", "a/b", ""}) {
    some.watched = {name};
    child.learn(some);
    parent.absorb(child.takeNews(4096));
    CHECK(parent.size() == 0);
  }
  KnownFolder large = folder(5, {});
  large.watched.emplace(kMaxKnownNames + 1, "x.sh");
  FolderMemory full;
  full.learn(std::move(large));
  CHECK(full.size() == 0);
}

TEST_CASE("a walk learns every name that is watched, links as well, or that there are too many") {
  FolderMemory memory([](std::string_view) { return true; });
  REQUIRE(expandGlobs(openFolder("/etc").get(), kSecrets, &memory));
  bool hasFew = false;
  for (const auto& entry : std::filesystem::directory_iterator("/etc")) {
    if (!entry.is_directory() || entry.is_symlink()) continue;
    const KnownFolder* known = memory.find(stampOf(entry.path()));
    if (known == nullptr) continue;
    std::set<std::string> names;
    for (const auto& inside : std::filesystem::directory_iterator(entry.path())) {
      if (inside.is_symlink() || !inside.is_directory()) names.insert(inside.path().filename());
    }
    CAPTURE(entry.path());
    CHECK(known->watched.has_value() == (names.size() <= kMaxWatchedNames));
    if (known->watched) CHECK(std::set(known->watched->begin(), known->watched->end()) == names);
    hasFew = hasFew || known->watched;
  }
  const UniqueFd readable(::open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(hasFew == keepsTimesOfChange(readable.get()));
}

TEST_CASE("news that are too long are told in part, and broken ones leave nothing remembered") {
  FolderMemory child, parent;
  child.lookFor(firstBytes("."));
  for (std::uint64_t i = 0; i < 100; ++i) child.learn(folder(i, {{"some-folder", DT_DIR}}));
  const std::string news = child.takeNews(1024);
  CHECK(news.size() <= 1024);
  parent.absorb(news);
  CHECK(parent.size() > 0);
  for (std::size_t length = news.size() - 1; length > news.size() - 30; --length) {
    parent.absorb(news.substr(0, length));
    CHECK(parent.size() == 0);
  }
  FolderMemory climbing;
  climbing.lookFor(firstBytes("."));
  for (const char* name : {"..", "a/b"}) {
    climbing.learn(folder(1, {{name, DT_DIR}}));
    parent.absorb(climbing.takeNews(4096));
    CHECK(parent.size() == 0);
  }
}

TEST_CASE("no more is remembered than there is room for, and what comes last has room") {
  FolderMemory memory;
  for (std::uint64_t i = 0; i < kMaxKnownFolders + 10; ++i) memory.learn(folder(i, {}));
  CHECK(memory.size() <= kMaxKnownFolders);
  CHECK(memory.find(folder(kMaxKnownFolders + 9, {}).stamp) != nullptr);
  FolderMemory names;
  names.learn(folder(1, std::vector<KnownFolder::Name>(kMaxKnownNames + 1, KnownFolder::Name{"x", DT_DIR})));
  CHECK(names.size() == 0);
}

}  // namespace ringfence::sandbox
