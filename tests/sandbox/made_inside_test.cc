#include "sandbox/launcher/made_inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "policy/triggers.h"
#include "sandbox/kernel/masks.h"
#include "sdk/base/unique_fd.h"
#include "tests/support/temp_dir.h"

using namespace ringfence::sandbox;
using ringfence::test::TempDir;

namespace {

Plan planFor(const std::string& workspace, Access access = Access::kReadWrite) {
  Plan plan;
  plan.mounts.emplace_back(BindDescriptor{.index = kWorkspaceDescriptor, .target = workspace, .access = access});
  return plan;
}

// A beginning that is later than the last change of `path`, as the kernel counts.
Beginning after(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  const std::int64_t changed = std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec;
  Beginning beginning = Beginning::now();
  while (beginning.wallNs <= changed) beginning = Beginning::now();
  return beginning;
}

using Names = std::vector<std::string>;

// By whoever remembers nothing.
Names changed(const Plan& plan, const Beginning& beginning) {
  return changedMeanwhile(plan, beginning, FolderMemory());
}

Names made(const Plan& plan) {
  FolderMemory nothing;
  return madeDespitePatterns(plan, nothing);
}

FolderStamp stampOf(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return FolderStamp::of(status);
}

// As if a launch had read the folder a second after its last change.
KnownFolder read(const std::string& path, std::vector<KnownFolder::Name> folders, Names watched) {
  const auto count = static_cast<std::uint32_t>(folders.size() + watched.size());
  return {.stamp = stampOf(path), .count = count, .names = std::move(folders), .watched = std::move(watched)};
}

}  // namespace

TEST_CASE(
    "what changed since the beginning and is obeyed is named, those near the top first, and what did not is not") {
  const TempDir folder;
  folder.write("old/Makefile", "all:");
  folder.write("touched/build.rs", "x");
  const Beginning beginning = after(folder.write("pyproject.toml", "x"));
  folder.write("a/b/conftest.py", "x");
  folder.write("touched/build.rs", "y");
  folder.write("z/package.json", "{}");
  folder.write("notes", "x");
  CHECK(changed(planFor(folder.path()), beginning) ==
        Names{"touched/build.rs (cargo)", "z/package.json (npm and its kind)", "a/b/conftest.py (pytest)"});
}

TEST_CASE("a time that was set back, a mode, a link and a new name are changes") {
  const TempDir folder;
  const std::string script = folder.write("run.sh", "x");
  const std::string moved = folder.write("moved", "x");
  const Beginning beginning = after(moved);
  const std::string forged = folder.write("Makefile", "all:");
  const timespec past[2] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, forged.c_str(), past, 0) == 0);
  REQUIRE(::chmod(script.c_str(), 0755) == 0);
  REQUIRE(::rename(moved.c_str(), (folder.path() + "/setup.py").c_str()) == 0);
  REQUIRE(::symlink("/bin/true", (folder.path() + "/gradlew").c_str()) == 0);
  CHECK(changed(planFor(folder.path()), beginning) == Names{"Makefile (make)", "gradlew (whoever builds with Gradle)",
                                                            "run.sh (whoever starts it)", "setup.py (pip)"});
}

TEST_CASE("a clock that was set back hides no change") {
  const Beginning beginning{.wallNs = 5'000'000'000'000, .bootNs = 1'000'000'000};
  const std::int64_t minute = 60'000'000'000;
  CHECK(beginning.earliestNs({.wallNs = beginning.wallNs + minute, .bootNs = beginning.bootNs + minute}) ==
        beginning.wallNs);
  CHECK(beginning.earliestNs({.wallNs = beginning.wallNs + 9 * minute, .bootNs = beginning.bootNs + minute}) ==
        beginning.wallNs);
  // A minute after a step of an hour back: what was changed at once is stamped that much earlier.
  CHECK(beginning.earliestNs({.wallNs = beginning.wallNs - 59 * minute, .bootNs = beginning.bootNs + minute}) <=
        beginning.wallNs - 60 * minute);
}

TEST_CASE("only what the run may write outside is looked through") {
  const TempDir folder, granted, home;
  const Beginning beginning = Beginning::now();
  const std::string file = granted.write("bin/setup.py", "x");
  for (const TempDir* each : {&folder, &granted, &home}) (void)each->write("Makefile", "all:");
  CHECK(changed(planFor(folder.path(), Access::kReadOnly), beginning).empty());
  Plan plan = planFor(folder.path(), Access::kReadOnly);
  plan.mounts.emplace_back(BindPath{.source = file, .target = file, .access = Access::kReadWrite});
  plan.mounts.emplace_back(
      BindDescriptor{.index = kHomeDescriptor, .target = home.path(), .access = Access::kReadWrite});
  CHECK(changed(plan, beginning) == Names{file + " (pip)"});
  plan.mounts.emplace_back(BindPath{.source = "", .target = granted.path(), .access = Access::kReadWrite});
  CHECK(changed(plan, beginning) == Names{granted.path() + "/Makefile (make)", file + " (pip)"});
}

TEST_CASE("a run with a warden is told of by its warden") {
  const TempDir folder;
  const Beginning beginning = Beginning::now();
  (void)folder.write("Makefile", "all:");
  Plan plan = planFor(folder.path());
  plan.guards.warden = true;
  CHECK(changed(plan, beginning).empty());
}

TEST_CASE("of very many changes those near the top are named, the others counted, and what was not reached is said") {
  const TempDir folder;
  const Beginning beginning = Beginning::now();
  for (int i = 0; i < 100; ++i) (void)folder.write("deep/a" + std::to_string(i) + "/x.sh", "x");
  (void)folder.write("zz/Makefile", "all:");
  Names told = changed(planFor(folder.path()), beginning);
  REQUIRE(told.size() == 65);
  CHECK(told.front() == "zz/Makefile (make)");
  CHECK(told.back() == "37 more");
  std::string path;
  for (int i = 0; i < 70; ++i) path += "d/";
  (void)folder.makeDirectory(path);
  told = changed(planFor(folder.path()), beginning);
  CHECK(told.back() == "and perhaps others: not all of it could be looked at");
}

TEST_CASE("a repository that was made is named with and without a warden, in what may be written alone") {
  const TempDir folder;
  (void)folder.write("made/.git/config", "x");
  for (const bool warden : {false, true}) {
    Plan plan = planFor(folder.path());
    plan.guards.warden = warden;
    const MaskPath mask{
        .target = folder.path(), .glob = "*/**/.git/config", .kind = MaskKind::kReadOnly, .origin = "base.toml:1"};
    plan.mounts.emplace_back(mask);
    CHECK(made(plan) == Names{folder.path() + "/made/.git (base.toml:1)"});
  }
  Plan plan = planFor(folder.path(), Access::kReadOnly);
  plan.mounts.emplace_back(MaskPath{
      .target = folder.path(), .glob = "*/**/.git/config", .kind = MaskKind::kReadOnly, .origin = "base.toml:1"});
  CHECK(made(plan).empty());
}

TEST_CASE("of a folder that nobody changed since a launch read it, what the launch read is looked at") {
  const TempDir folder;
  (void)folder.write("sub/Makefile", "all:");
  (void)folder.write("sub/conftest.py", "x");
  const std::string sub = folder.path() + "/sub";
  const Beginning beginning = after(folder.write("sub/notes", "x"));
  FolderMemory memory(ringfence::policy::mayBeObeyed);
  memory.learn(read(folder.path(), {{"sub", DT_DIR}}, {}));
  // That the other name is not told shows that nobody looked.
  memory.learn(read(sub, {}, {"Makefile"}));
  CHECK(changedMeanwhile(planFor(folder.path()), beginning, memory).empty());
  (void)folder.write("sub/Makefile", "more:");
  (void)folder.write("sub/conftest.py", "y");
  REQUIRE(memory.find(stampOf(sub)) != nullptr);
  CHECK(changedMeanwhile(planFor(folder.path()), beginning, memory) == Names{"sub/Makefile (make)"});

  // A new name, a moved one and a new folder change it.
  (void)folder.write("sub/setup.py", "x");
  CHECK(changedMeanwhile(planFor(folder.path()), beginning, memory) ==
        Names{"sub/Makefile (make)", "sub/conftest.py (pytest)", "sub/setup.py (pip)"});
  (void)folder.write("new/deep/run.sh", "x");
  CHECK(changedMeanwhile(planFor(folder.path()), beginning, memory).back() == "new/deep/run.sh (whoever starts it)");
}

TEST_CASE(
    "a known folder in which nothing is watched is passed by, and one whose name makes all in it obeyed is read") {
  const TempDir folder;
  const Beginning beginning = after(folder.makeDirectory("start"));
  (void)folder.write("plain/x.sh", "x");
  (void)folder.write("node_modules/.bin/tool", "x");
  FolderMemory memory(ringfence::policy::mayBeObeyed);
  memory.learn(read(folder.path() + "/plain", {}, {}));
  memory.learn(read(folder.path() + "/node_modules/.bin", {}, {}));
  KnownFolder unwatched = read(folder.path() + "/node_modules", {}, {});
  unwatched.watched.reset();
  memory.learn(unwatched);
  CHECK(changedMeanwhile(planFor(folder.path()), beginning, memory) ==
        Names{"node_modules/.bin/tool (npm scripts and npx)"});
  memory.learn({.stamp = stampOf(folder.path() + "/plain"), .count = 100'001, .names = {}, .watched = Names{}});
  CHECK(changedMeanwhile(planFor(folder.path()), beginning, memory).back() ==
        "and perhaps others: not all of it could be looked at");
}

TEST_CASE("what a launch learned of a tree leads its end to the same names as reading all of it") {
  const std::string tree = std::string(RF_SOURCE_DIR) + "/tests";
  FolderMemory memory(ringfence::policy::mayBeObeyed);
  const ringfence::UniqueFd root(::open(tree.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(expandGlobs(root.get(), {{"**/.env*", 256, true}}, &memory));
  CHECK((memory.size() > 0) == keepsTimesOfChange(root.get()));
  const Beginning longAgo{.wallNs = 0, .bootNs = Beginning::now().bootNs};
  const Names told = changedMeanwhile(planFor(tree), longAgo, memory);
  CHECK(told == changed(planFor(tree), longAgo));
  CHECK(std::ranges::find(told, "CMakeLists.txt (cmake)") != told.end());
}
