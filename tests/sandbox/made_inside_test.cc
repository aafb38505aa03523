#include "sandbox/launcher/made_inside.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

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
  CHECK(changedMeanwhile(planFor(folder.path()), beginning) ==
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
  CHECK(changedMeanwhile(planFor(folder.path()), beginning) == Names{"Makefile (make)",
                                                                     "gradlew (whoever builds with Gradle)",
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
  CHECK(changedMeanwhile(planFor(folder.path(), Access::kReadOnly), beginning).empty());
  Plan plan = planFor(folder.path(), Access::kReadOnly);
  plan.mounts.emplace_back(BindPath{.source = file, .target = file, .access = Access::kReadWrite});
  plan.mounts.emplace_back(
      BindDescriptor{.index = kHomeDescriptor, .target = home.path(), .access = Access::kReadWrite});
  CHECK(changedMeanwhile(plan, beginning) == Names{file + " (pip)"});
  plan.mounts.emplace_back(BindPath{.source = "", .target = granted.path(), .access = Access::kReadWrite});
  CHECK(changedMeanwhile(plan, beginning) == Names{granted.path() + "/Makefile (make)", file + " (pip)"});
}

TEST_CASE("a run with a warden is told of by its warden") {
  const TempDir folder;
  const Beginning beginning = Beginning::now();
  (void)folder.write("Makefile", "all:");
  Plan plan = planFor(folder.path());
  plan.guards.warden = true;
  CHECK(changedMeanwhile(plan, beginning).empty());
}

TEST_CASE("of very many changes those near the top are named, the others counted, and what was not reached is said") {
  const TempDir folder;
  const Beginning beginning = Beginning::now();
  for (int i = 0; i < 100; ++i) (void)folder.write("deep/a" + std::to_string(i) + "/x.sh", "x");
  (void)folder.write("zz/Makefile", "all:");
  Names told = changedMeanwhile(planFor(folder.path()), beginning);
  REQUIRE(told.size() == 65);
  CHECK(told.front() == "zz/Makefile (make)");
  CHECK(told.back() == "37 more");
  std::string path;
  for (int i = 0; i < 70; ++i) path += "d/";
  (void)folder.makeDirectory(path);
  told = changedMeanwhile(planFor(folder.path()), beginning);
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
    CHECK(madeDespitePatterns(plan) == Names{folder.path() + "/made/.git (base.toml:1)"});
  }
  Plan plan = planFor(folder.path(), Access::kReadOnly);
  plan.mounts.emplace_back(MaskPath{
      .target = folder.path(), .glob = "*/**/.git/config", .kind = MaskKind::kReadOnly, .origin = "base.toml:1"});
  CHECK(madeDespitePatterns(plan).empty());
}
