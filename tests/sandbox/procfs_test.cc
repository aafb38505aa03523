#include "sandbox/kernel/procfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "sandbox/kernel/masks.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/posture.h"
#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

constexpr const char* kStatus =
    "Name:\tsh\nUmask:\t0022\nNSpid:\t4711\t1\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t8\nGroups:\t24 25 "
    "\nThreads:\t1\n"
    "CapInh:\t0000000000000001\nCapPrm:\t0000000000000002\nCapEff:\t0000000000000003\nCapBnd:\t000001ffffffffff\n"
    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n";

// Mounts of a plan with a read-only /usr, a writable /w with a mask and a glob, /proc and /dev/null.
Plan planWithMounts() {
  Plan plan;
  plan.mounts = {BindPath{"/usr", "/usr"},
                 BindPath{"/home/w", "/w", Access::kReadWrite},
                 MaskPath{"/w", "**/.env*"},
                 MaskPath{"/w/.git/hooks", "", MaskKind::kReadOnly},
                 MountProc{"/proc"},
                 BindDevice{"/dev/null"},
                 BindPath{.source = "/opt", .target = "/opt", .optional = true}};
  return plan;
}

const std::string kRoot = "1 0 0:1 / / ro,nosuid,nodev - tmpfs none rw\n";
const std::string kUsr = "2 1 8:1 /usr /usr ro,nosuid,nodev,relatime - ext4 /dev/sda rw\n";
const std::string kWork = "3 1 8:1 /home/w /w rw,nosuid,nodev - ext4 /dev/sda rw\n";
const std::string kProc = "4 1 0:4 / /proc rw,nosuid,nodev,noexec - proc none rw\n";
const std::string kNull = "5 1 0:5 /null /dev/null rw,nosuid,noexec - devtmpfs dev rw\n";
const std::string kAll = kRoot + kUsr + kWork + kProc + kNull;

}  // namespace

TEST_CASE("the status of a thread says what a waiting call needs: name, umask, relatives, signals") {
  const std::string text =
      "Name:\ta\\\\b\\nc:\t\nUmask:\t0027\nState:\tS (sleeping)\nTgid:\t4711\nPid:\t4712\nPPid:\t12\nTracerPid:\t0\n"
      "NSpid:\t4712\t9\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000004002\nSigBlk:\t0000000000000002\n"
      "SigIgn:\t0000000000000001\n";
  const auto status = parseThreadStatus(text);
  REQUIRE(status);
  CHECK(status->name == "a\\b\nc:\t");
  CHECK(status->umask == 027);
  CHECK(status->process == 4711);
  CHECK(status->parent == 12);
  CHECK(status->tracer == 0);
  CHECK(status->pending == 1);
  CHECK(status->sharedPending == 0x4002);
  CHECK(status->blocked == 2);
  CHECK(status->ignored == 1);
  CHECK(status->namespacePids == std::vector<int>{4712, 9});

  std::string ended = text;
  ended.erase(ended.find("Umask"), std::string("Umask:\t0027\n").size());
  const auto without = parseThreadStatus(ended);
  REQUIRE(without);
  CHECK_FALSE(without->umask);

  std::string broken = text;
  broken.erase(broken.find("ShdPnd"), 8);
  const auto refused = parseThreadStatus(broken);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "status: ShdPnd is missing or malformed");
}

TEST_CASE("a status file becomes values") {
  const auto status = parseStatus(kStatus);
  REQUIRE(status);
  CHECK(status->uid == std::array<std::uint32_t, 4>{1000, 1001, 1002, 1003});
  CHECK(status->gid[3] == 8);
  CHECK(status->groups == std::vector<std::uint32_t>{24, 25});
  CHECK(status->effective == 3);
  CHECK(status->bounding == 0x1ffffffffff);
  CHECK(status->noNewPrivs);
  CHECK(status->seccompMode == 2);
  CHECK(status->seccompFilters == 3);
  CHECK(status->namespacePids == std::vector<int>{4711, 1});
}

TEST_CASE("a status file that lacks or garbles a field is refused and the field is named") {
  for (const char* field : {"Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
                            "Seccomp", "Threads", "NSpid"}) {
    std::string text = kStatus;
    const std::size_t at = text.find("\n" + std::string(field) + ":") + 1;
    text.replace(at, 1, "x");
    CAPTURE(field);
    const auto status = parseStatus(text);
    REQUIRE(!status);
    CHECK(status.error().message.find(field) != std::string::npos);
  }
  CHECK(!parseStatus("Uid:\t1 2 3\n"));
  CHECK(!parseStatus(""));
}

TEST_CASE("mountinfo gives mount points unescaped, options and propagation") {
  const auto entries = parseMountInfo(
      "36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n"
      "37 36 0:1 / /c ro - tmpfs none rw\n");
  REQUIRE(entries);
  REQUIRE(entries->size() == 2);
  CHECK((*entries)[0].mountPoint == "/a b");
  CHECK((*entries)[0].tags == std::vector<std::string>{"master:1", "shared:2"});
  CHECK((*entries)[0].type == "ext3");
  CHECK((*entries)[1].has("ro"));
  CHECK((*entries)[1].tags.empty());
  CHECK(!parseMountInfo("36 35 98:0 / /a rw\n"));
}

TEST_CASE("cgroup lines split at the first two colons only") {
  const auto entries = parseCgroups("3:cpu,cpuacct:/a:b\n0::/x\n");
  REQUIRE(entries);
  CHECK((*entries)[0].controllers == std::vector<std::string>{"cpu", "cpuacct"});
  CHECK((*entries)[0].path == "/a:b");
  CHECK((*entries)[1].controllers.empty());
  CHECK(!parseCgroups("nothing\n"));
}

TEST_CASE("interfaces are read below the two lines of heading") {
  CHECK(parseInterfaces("Inter-|\n face |\n    lo: 0 0\n  eth0: 1 2\n") == std::vector<std::string>{"lo", "eth0"});
}

TEST_CASE("the planned mounts are as planned, masks of globs and submounts included") {
  const Plan plan = planWithMounts();
  CHECK(compareMounts(plan, kAll).empty());
  CHECK(compareMounts(plan, kAll + "6 3 0:1 /f /w/deep/.env ro,nosuid,nodev,noexec - tmpfs none rw\n").empty());
  CHECK(compareMounts(plan, kAll + "6 2 8:2 / /usr/local ro,nosuid,nodev - ext4 /dev/sdb rw\n").empty());
  CHECK(compareMounts(plan, kAll + "6 3 8:1 /h /w/.git/hooks ro,nosuid,nodev - ext4 /dev/sda rw\n").empty());
}

TEST_CASE("every difference of the mounts is named") {
  const Plan plan = planWithMounts();
  const auto differs = [&](const std::string& text, const std::string& part) {
    const std::string difference = compareMounts(plan, text);
    CAPTURE(text, difference);
    CHECK(difference.find(part) != std::string::npos);
  };
  differs(kRoot + kWork + kProc + kNull, "nothing is mounted on /usr");
  differs(kAll + "6 1 8:1 / /host ro,nosuid,nodev - ext4 /dev/sda rw\n", "a mount on /host");
  differs(kAll + "6 2 8:2 / /usr/local rw,nosuid,nodev - ext4 /dev/sdb rw\n", "/usr/local is writable");
  differs(kAll + "6 3 8:1 /h /w/.git/hooks rw,nosuid,nodev - ext4 /dev/sda rw\n", "/w/.git/hooks is writable");
  differs(kRoot + kUsr + kWork + kNull + "4 1 0:4 / /proc rw,nosuid,nodev,noexec - tmpfs none rw\n",
          "/proc is a tmpfs");
  differs(kAll + "6 3 8:1 /h /w/sub rw,nosuid,nodev shared:7 - ext4 /dev/sda rw\n", "propagates");
  differs(kAll + "6 3 8:1 /h /w/sub rw,nodev - ext4 /dev/sda rw\n", "not nosuid");
  differs(kAll + "6 3 8:1 /h /w/sub rw,nosuid - ext4 /dev/sda rw\n", "not nodev");
  differs("", "nothing is mounted");
}

TEST_CASE("globs match by component, and ** any number of them") {
  CHECK(matchesGlob("**/.env*", ".env"));
  CHECK(matchesGlob("**/.env*", "a/b/.env.local"));
  CHECK(!matchesGlob("**/.env*", "a/.env/b"));
  CHECK(matchesGlob("a/**/z", "a/z"));
  CHECK(matchesGlob("a/*/z", "a/b/z"));
  CHECK(!matchesGlob("a/*/z", "a/b/c/z"));
  CHECK(matchesGlob("[ab].key", "b.key"));
}

TEST_CASE("a pattern made to backtrack for ever gives up") {
  std::string pattern, path;
  for (int i = 0; i < 40; ++i) pattern += "**/a/", path += "a/";
  CHECK(!matchesGlob(pattern + "b", path + "c"));
}

TEST_CASE("the exchange map swaps two ids and covers every other id once") {
  CHECK(exchangeMap({1000, 77001}) ==
        "0 0 1000\n1000 77001 1\n1001 1001 76000\n77001 1000 1\n77002 77002 4294890293\n");
  CHECK(exchangeMap({77001, 1000}) == exchangeMap({1000, 77001}));
  CHECK(exchangeMap({0, 5}) == "0 5 1\n1 1 4\n5 0 1\n6 6 4294967289\n");
  CHECK(exchangeMap({5, 6}) == "0 0 5\n5 6 1\n6 5 1\n7 7 4294967288\n");
  CHECK(exchangeMap({7, 7}) == "0 0 4294967295\n");
}

TEST_CASE("limits are read in the order of their numbers, and broken ones are refused") {
  const std::string head = "Limit                     Soft Limit           Hard Limit           Units     \n";
  const auto limits = parseLimits(head +
                                  "Max cpu time              unlimited            unlimited            seconds   \n"
                                  "Max file size             10                   4096                 bytes     \n");
  REQUIRE(limits);
  REQUIRE(limits->size() == 2);
  CHECK((*limits)[0].soft == UINT64_MAX);
  CHECK((*limits)[1].soft == 10);
  CHECK((*limits)[1].hard == 4096);
  CHECK(!parseLimits(head + "Max\n"));
  CHECK(!parseLimits(head + "Max file size             10                   many                 bytes     \n"));
  CHECK(parseLimits(readFileAt(AT_FDCWD, "/proc/self/limits", kibibytes(64)).value()).value().size() == 16);
}

TEST_CASE("one walk answers several globs, follows no link and looks below nothing that is taken away") {
  test::TempDir directory;
  for (const char* file : {".env", "a/.env.local", "a/id_rsa", ".envdir/id_rsa", "m/x/hooks/.env", "m/x/hooks/run"}) {
    directory.write(file, "x");
  }
  REQUIRE(::symlink("/etc", (directory.path() + "/.env-link").c_str()) == 0);
  const UniqueFd fd(::open(directory.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto answers = expandGlobs(fd.get(), {{"**/.env*", 256, true}, {"**/id_rsa", 256, true}, {"m/**/hooks", 256, false}});
  REQUIRE(answers);
  for (auto& answer : *answers) std::sort(answer.matches.begin(), answer.matches.end());
  CHECK((*answers)[0].matches == std::vector<std::string>{".env", ".envdir", "a/.env.local", "m/x/hooks/.env"});
  CHECK((*answers)[1].matches == std::vector<std::string>{"a/id_rsa"});
  CHECK((*answers)[2].matches == std::vector<std::string>{"m/x/hooks"});
  CHECK(!(*answers)[0].cut);
  CHECK(expandGlobs(fd.get(), {{"**/.env*", 2, true}}).value()[0].cut);
}

TEST_CASE("a walk that only hides leaves git's content alone, and nothing that is only called like it") {
  test::TempDir directory;
  for (const char* file : {".git/objects/0f/.env", ".git/objects/pack/.env", ".git/objects/0F/.env",
                           ".git/objects/.env", "t/.git/objects/ab/.env", "objects/ab/.env",
                           ".git/modules/objects/ab/.env", ".git/objects/abc/.env", ".git/objects/ab/x/.env"}) {
    directory.write(file, "x");
  }
  const UniqueFd fd(::open(directory.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto hidden = expandGlobs(fd.get(), {{"**/.env*", 256, true}});
  REQUIRE(hidden);
  std::sort((*hidden)[0].matches.begin(), (*hidden)[0].matches.end());
  CHECK((*hidden)[0].matches == std::vector<std::string>{".git/modules/objects/ab/.env", ".git/objects/.env",
                                                         ".git/objects/0F/.env", ".git/objects/abc/.env",
                                                         ".git/objects/pack/.env", "objects/ab/.env"});
  CHECK(!(*hidden)[0].cut);
  CHECK(expandGlobs(fd.get(), {{"**/.env*", 256, true}, {"**/x", 256, false}}).value()[0].matches.size() == 9);
  CHECK(expandGlobs(fd.get(), {{"**/0f", 256, true}}).value()[0].matches.size() == 1);
}

TEST_CASE("a pattern of git's folder is answered where such a folder or file is, for what exists and what does not") {
  test::TempDir directory;
  for (const char* file :
       {".git/config", "sub/.git/hooks/a", "sub/.git/modules/m/config", "sub/.git/objects/ab/x", "sub/config",
        "deep/er/.git", "deep/.gitx/config", "sub/modules/m/config", "link/.git/other", "sub/.git/x/.git/config"}) {
    directory.write(file, "x");
  }
  REQUIRE(::symlink("/etc", (directory.path() + "/link/.git/hooks").c_str()) == 0);
  REQUIRE(::symlink("sub/.git", (directory.path() + "/deep/.git").c_str()) == 0);
  const UniqueFd fd(::open(directory.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto answers = expandGlobs(fd.get(), {{"**/.env*", 256, true},
                                        {"*/**/.git/hooks", 256, false},
                                        {"**/.git/config", 256, false},
                                        {"*/**/.git/modules/**/config", 256, false},
                                        {"**/.git/objects/ab/x", 256, false},
                                        {"**/.git/objects/*/x", 256, false}});
  REQUIRE(answers);
  for (auto& answer : *answers) std::sort(answer.matches.begin(), answer.matches.end());
  using Names = std::vector<std::string>;
  CHECK((*answers)[0].matches.empty());
  CHECK((*answers)[1].matches == Names{"deep/er/.git/hooks", "sub/.git/hooks", "sub/.git/x/.git/hooks"});
  CHECK((*answers)[1].links == Names{"link/.git/hooks"});
  CHECK((*answers)[2].matches ==
        Names{".git/config", "deep/er/.git/config", "link/.git/config", "sub/.git/config", "sub/.git/x/.git/config"});
  CHECK((*answers)[3].matches == Names{"sub/.git/modules/m/config"});
  CHECK((*answers)[4].matches.size() == 5);
  CHECK((*answers)[5].matches.empty());  // Git's content is not walked for its sake.
  CHECK(expandGlobs(fd.get(), {{"**/.git/config", 4, false}}).value()[0].cut);
}

TEST_CASE("walls of a process that can still change them, or that is elsewhere by now, are read at the end") {
  const Plan plan;
  const KernelFeatures features;
  const OwnView own = OwnView::read().value();
  const PostureQuestion question{::getpid(), plan, features, own, "", {}, {}};
  CHECK(readSettled(question).walls.empty());
  SettledWalls settled;
  for (const Wall wall : {Wall::kMount, Wall::kNet, Wall::kIpc, Wall::kUts, Wall::kCgroup, Wall::kLimits})
    settled.walls.push_back({wall, "all", "all", false, true});
  settled.namespaces = {1, 2, 3, 4};
  const auto walls = readPosture(question, settled);
  REQUIRE(walls.size() == kWallCount);
  for (std::size_t i = 0; i < walls.size(); ++i) CHECK(walls[i].wall == static_cast<Wall>(i));
  CHECK_FALSE(walls[static_cast<std::size_t>(Wall::kMount)].up);
  CHECK_FALSE(walls[static_cast<std::size_t>(Wall::kIpc)].up);
}
