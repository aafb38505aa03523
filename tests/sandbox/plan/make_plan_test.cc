#include "sandbox/plan/make_plan.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <set>
#include <thread>

#include "sandbox/plan/landlock_access.h"
#include "sandbox/plan/paths.h"
#include "tests/sandbox/plan/plan_fixture.h"

namespace ringfence::sandbox {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::errorOf;
using test::kernelWith;
using test::planOf;
using test::rule;
using test::sampleRequest;
using test::smallPolicy;
using test::stepAt;
using test::stepsOf;

std::string targetOf(const MountStep& step) {
  return std::visit([](const auto& any) { return any.target; }, step);
}

std::optional<std::string> variable(const Plan& plan, const std::string& name) {
  for (const std::string& entry : plan.environment) {
    if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
  }
  return std::nullopt;
}

// ---- how long a command may be

TEST_CASE("a plan takes what the kernel's exec takes, and refuses in words what it does not") {
  LaunchRequest request = sampleRequest();
  request.command = {"agent", std::string((128 << 10) - 1, 'x')};
  CHECK(planOf(smallPolicy(), request).command == request.command);
  request.command.assign(14, std::string(100 << 10, 'x'));
  CHECK(planOf(smallPolicy(), request).command == request.command);

  request.command = {"agent", std::string(128 << 10, 'x')};
  CHECK_THAT(errorOf(smallPolicy(), request).message,
             ContainsSubstring("an argument of the command takes 128 KiB; the kernel takes at most 128 KiB for one"));
  request.command.assign(20, std::string(100 << 10, 'x'));
  CHECK_THAT(errorOf(smallPolicy(), request).message,
             ContainsSubstring("the command and environment together take 2001 KiB; at most 1984 KiB can be"));
  request.command = {"agent"};
  request.extraEnvironment["LONG"] = std::string(128 << 10, 'x');
  CHECK_THAT(errorOf(smallPolicy(), request).message, ContainsSubstring("the environment variable LONG takes 129 KiB"));
}

// ---- what a run sees

TEST_CASE("nothing is mounted after something that lies below it") {
  policy::Document document = smallPolicy();
  document.files.read.push_back(rule("~/.gitconfig"));
  document.files.write = {rule("~/.cache/pip"), rule("/usr/local/lib"), rule("/tmp/shared")};
  const Plan plan = planOf(document);
  for (std::size_t later = 0; later < plan.mounts.size(); ++later) {
    if (std::holds_alternative<MaskPath>(plan.mounts[later])) continue;
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      INFO(targetOf(plan.mounts[earlier]) << " is hidden by " << targetOf(plan.mounts[later]));
      CHECK_FALSE(isWithin(targetOf(plan.mounts[earlier]), targetOf(plan.mounts[later])));
    }
  }
}

TEST_CASE("the workspace and the home come from the client's descriptors, the workspace below the home") {
  const Plan plan = planOf(smallPolicy());
  const auto binds = stepsOf<BindDescriptor>(plan);
  REQUIRE(binds.size() == 2);
  CHECK(binds[0].target == "/home/ada");
  CHECK(binds[0].index == kHomeDescriptor);
  CHECK(binds[0].access == Access::kReadWrite);
  CHECK(binds[1].target == "/home/ada/src/app");
  CHECK(binds[1].index == kWorkspaceDescriptor);
  CHECK(binds[1].access == Access::kReadWrite);
}

TEST_CASE("a read-only workspace is bound read-only and Landlock lets nobody write there") {
  policy::Document document = smallPolicy();
  document.files.workspace = policy::WorkspaceAccess::kReadOnly;
  const Plan plan = planOf(document);
  CHECK(stepAt<BindDescriptor>(plan, "/home/ada/src/app")->access == Access::kReadOnly);
  for (const LandlockRule& entry : plan.landlock.inner) {
    if (entry.path == "/home/ada/src/app") CHECK((entry.access & kLandlockWriteFile) == 0);
  }
}

TEST_CASE("links of a merged /usr are made as links, and grants of their names are not bound twice") {
  policy::Document document = smallPolicy();
  document.files.read = {rule("/usr"), rule("/bin"), rule("/lib64"), rule("/lib32")};
  const Plan plan = planOf(document);
  CHECK(stepAt<MakeSymlink>(plan, "/bin")->content == "usr/bin");
  CHECK(stepAt<MakeSymlink>(plan, "/lib64")->content == "usr/lib64");
  CHECK_FALSE(stepAt<BindPath>(plan, "/bin"));
  CHECK_FALSE(stepAt<BindPath>(plan, "/usr/bin"));
  CHECK(stepAt<BindPath>(plan, "/lib32"));  // no link on this host: a directory of its own, or absent
}

TEST_CASE("a grant inside a tree that is granted with the same rights is not bound again, one with more rights is") {
  policy::Document document = smallPolicy();
  document.files.read.push_back(rule("/usr/share"));
  document.files.write = {rule("/usr/local")};
  const Plan plan = planOf(document);
  CHECK_FALSE(stepAt<BindPath>(plan, "/usr/share"));
  CHECK(stepAt<BindPath>(plan, "/usr/local")->access == Access::kReadWrite);
}

TEST_CASE("a missing path of a policy may be skipped, one of the command line may not") {
  LaunchRequest request = sampleRequest();
  request.extraPaths = {{"/srv/data", Access::kReadOnly}};
  const Plan plan = planOf(smallPolicy(), request);
  CHECK(stepAt<BindPath>(plan, "/usr")->optional);
  CHECK_FALSE(stepAt<BindPath>(plan, "/srv/data")->optional);
}

TEST_CASE("the tree that the command is installed in is bound read-only and its directory leads PATH") {
  LaunchRequest request = sampleRequest();
  request.installTree = "/home/ada/.nvm/versions/node/v22";
  request.executable = "/home/ada/.nvm/versions/node/v22/bin/node";
  const Plan plan = planOf(smallPolicy(), request);
  CHECK(stepAt<BindPath>(plan, request.installTree)->access == Access::kReadOnly);
  CHECK(variable(plan, "PATH")->starts_with("/home/ada/.nvm/versions/node/v22/bin:/usr/local/sbin:"));
}

TEST_CASE("accounts, hosts and the policy are made for the run") {
  const Plan plan = planOf(smallPolicy());
  CHECK(stepAt<MakeFile>(plan, "/etc/passwd")->content.starts_with("ada:x:1000:1000::/home/ada:/bin/bash\n"));
  CHECK_THAT(stepAt<MakeFile>(plan, "/etc/hosts")->content, ContainsSubstring("fix-tests"));
  CHECK_THAT(stepAt<MakeFile>(plan, "/run/ringfence/policy.json")->content, ContainsSubstring("\"name\":\"small\""));
  CHECK(stepAt<MakeFile>(plan, kInnerCanary));
  CHECK(stepAt<MakeFile>(plan, kOuterCanary));
}

TEST_CASE("only six device nodes exist") {
  std::vector<std::string> nodes;
  for (const BindDevice& device : stepsOf<BindDevice>(planOf(smallPolicy()))) nodes.push_back(device.target);
  CHECK(nodes ==
        std::vector<std::string>{"/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"});
}

// ---- what is refused

TEST_CASE("places that belong to the machine or to the person as a whole are refused as workspace") {
  for (const char* path : {"/",
                           "/etc",
                           "/etc/cron.d",
                           "/proc",
                           "/proc/self/cwd",
                           "/sys",
                           "/dev",
                           "/dev/shm",
                           "/run",
                           "/run/user/1000",
                           "/home",
                           "/home/ada",
                           "/home/ada/.ssh",
                           "/home/ada/.config",
                           "/usr",
                           "/tmp",
                           "/root",
                           "/boot/x",
                           "/var/run/x",
                           "/var/lib/ringfence",
                           "/var/lib/ringfence/homes/a",
                           "/var/lib",
                           "relative",
                           "/a/../b",
                           "/a//b",
                           "/a/",
                           "/a/./b",
                           "/a\nb",
                           ""}) {
    LaunchRequest request = sampleRequest();
    request.workspace = path;
    request.workingDirectory = "";
    INFO("workspace \"" << path << "\"");
    const Error error = errorOf(smallPolicy(), request);
    CHECK((error.code == ErrorCode::kDenied || error.code == ErrorCode::kInvalid));
    CHECK(error.message.starts_with("workspace "));
  }
}

TEST_CASE("the home directory as workspace is refused with what to do instead") {
  LaunchRequest request = sampleRequest();
  request.workspace = "/home/ada";
  CHECK_THAT(errorOf(smallPolicy(), request).message, ContainsSubstring("pick a folder below /home/ada"));
}

TEST_CASE("grants that no policy may give are refused with file and line") {
  for (const char* path : {"/", "/etc", "/proc", "/sys/fs/cgroup", "/dev", "/run/docker.sock", "/tmp", "~", "/home",
                           "/var/lib/ringfence"}) {
    policy::Document document = smallPolicy();
    document.files.read.push_back(rule(path, 7));
    INFO(path);
    const Error error = errorOf(document, sampleRequest());
    CHECK(error.code == ErrorCode::kDenied);
    CHECK_THAT(error.message, ContainsSubstring("test.toml:7"));
  }
}

TEST_CASE("what belongs to Ringfence is hidden in a tree that may be read, and no tree that holds it may be written") {
  LaunchRequest request = sampleRequest();
  request.protectedPaths.push_back("/usr/share/ringfence/policies");
  const Plan plan = planOf(smallPolicy(), request);
  REQUIRE(stepAt<MaskPath>(plan, "/usr/share/ringfence/policies"));
  CHECK(stepAt<MaskPath>(plan, "/usr/share/ringfence/policies")->kind == MaskKind::kEmpty);
  CHECK_FALSE(stepAt<MaskPath>(plan, "/var/lib/ringfence"));
  policy::Document document = smallPolicy();
  document.files.write = {rule("/usr/share", 8)};
  const Error error = errorOf(document, request);
  CHECK(error.code == ErrorCode::kDenied);
  CHECK_THAT(error.message, ContainsSubstring("belongs to Ringfence itself"));
}

TEST_CASE("nothing of /etc is ever writable") {
  policy::Document document = smallPolicy();
  document.files.write = {rule("/etc/ssl")};
  CHECK(errorOf(document, sampleRequest()).code == ErrorCode::kDenied);
}

TEST_CASE("a grant with a glob is refused, because a pattern cannot be mounted") {
  policy::Document document = smallPolicy();
  document.files.read.push_back(rule("/opt/*/bin", 3));
  CHECK_THAT(errorOf(document, sampleRequest()).message, ContainsSubstring("test.toml:3"));
}

TEST_CASE("a directory in which nothing is granted cannot be the working directory") {
  LaunchRequest request = sampleRequest();
  for (const char* path : {"/home/ada", "/home/ada/src", "/opt", "/proc/self/cwd"}) {
    request.workingDirectory = path;
    CHECK(errorOf(smallPolicy(), request).message.starts_with("working directory "));
  }
  request.workingDirectory = "";
  CHECK(planOf(smallPolicy(), request).workingDirectory == request.workspace);
}

TEST_CASE("a program outside everything that is granted is refused with the line that would add it") {
  LaunchRequest request = sampleRequest();
  request.executable = "/opt/tool/bin/tool";
  CHECK_THAT(errorOf(smallPolicy(), request).message, ContainsSubstring("read = [\"/opt/tool/bin\"]"));
  request.executable = "/bin/sh";
  CHECK(planOf(smallPolicy(), request).executable == "/bin/sh");
}

// ---- forbid

TEST_CASE("a forbidden secret becomes an empty mask, what must stay readable a read-only one") {
  policy::Document document = smallPolicy();
  document.files.forbid = {rule("**/.env*", 2), rule("$WORKSPACE/.git/hooks", 3)};
  const auto masks = stepsOf<MaskPath>(planOf(document));
  REQUIRE(masks.size() == 2);
  CHECK(masks[0].target == "/home/ada/src/app");
  CHECK(masks[0].glob == "**/.env*");
  CHECK(masks[0].kind == MaskKind::kEmpty);
  CHECK(masks[0].maxMatches == 256);
  CHECK(masks[0].origin == "test.toml:2");
  CHECK(masks[1].target == "/home/ada/src/app/.git/hooks");
  CHECK(masks[1].glob.empty());
  CHECK(masks[1].kind == MaskKind::kReadOnly);
}

TEST_CASE("a bracket in a forbidden name is a bracket, not a set of characters") {
  policy::Document document = smallPolicy();
  document.files.forbid = {rule("**/[id].key")};
  CHECK(stepsOf<MaskPath>(planOf(document)).at(0).glob == "**/\\[id].key");
}

TEST_CASE("what is not granted needs no mask") {
  policy::Document document = smallPolicy();
  document.files.forbid = {rule("~/.ssh"), rule("/srv/secret")};
  CHECK(stepsOf<MaskPath>(planOf(document)).empty());
}

TEST_CASE("forbid takes a grant away, and a command line that asks for it is refused by the rule's name") {
  policy::Document document = smallPolicy();
  document.files.forbid = {rule("~/.aws", 6)};
  document.files.read.push_back(rule("~/.aws/config"));
  CHECK_FALSE(stepAt<BindPath>(planOf(document), "/home/ada/.aws/config"));
  LaunchRequest request = sampleRequest();
  request.extraPaths = {{"/home/ada/.aws", Access::kReadOnly}};
  const Error error = errorOf(document, request);
  CHECK(error.code == ErrorCode::kDenied);
  CHECK_THAT(error.message, ContainsSubstring("forbidden by ~/.aws (test.toml:6)"));
  request = sampleRequest();
  request.workspace = "/home/ada/.aws/work";
  request.workingDirectory = "";
  CHECK(errorOf(document, request).code == ErrorCode::kDenied);
}

TEST_CASE("a home that is reached through a link in the root is not given as a whole under its real name") {
  LaunchRequest request = sampleRequest();
  request.rootSymlinks["/home"] = "data/home";
  request.workingDirectory = "";
  for (const char* path : {"/data/home/ada", "/data/home", "/data/home/ada/.ssh"}) {
    CAPTURE(path);
    request.workspace = path;
    CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kDenied);
  }
}

TEST_CASE("a policy with thousands of paths is refused before it is judged path by path") {
  policy::Document document = smallPolicy();
  for (int i = 0; i < 4096; ++i) document.files.read.push_back({.pattern = "/srv/" + std::to_string(i)});
  CHECK(errorOf(document, sampleRequest()).message.find("at most 256") != std::string::npos);
  document.files.read.clear();
  document.files.forbid = {4096, {.pattern = "/srv/x"}};
  CHECK(errorOf(document, sampleRequest()).message.find("at most 512") != std::string::npos);
}

// ---- identity

TEST_CASE("a run as the caller has the caller's ids and only the groups that the policy names and the caller has") {
  policy::Document document = smallPolicy();
  document.groups = {"video", "docker"};
  const Identity identity = planOf(document).identity;
  CHECK(identity.uid == 1000);
  CHECK(identity.gid == 1000);
  CHECK(identity.groups == std::vector<std::uint32_t>{44});
  CHECK(identity.callerGroups == std::vector<std::uint32_t>{44, 1000});
  CHECK(planOf(smallPolicy()).identity.groups.empty());
}

TEST_CASE("what the kernel counts over all namespaces goes to an id that is nobody's") {
  LaunchRequest request = sampleRequest();
  request.accountUid = 700'777;
  CHECK(planOf(smallPolicy(), request).identity.accountUid == 700'777);
  request.caller.uid = 0;
  CHECK(planOf(smallPolicy(), request).identity.accountUid == request.ownUid);
}

TEST_CASE("a root caller never runs as uid 0, and what it may write is idmapped") {
  LaunchRequest request = sampleRequest();
  request.caller.uid = 0;
  request.caller.gid = 0;
  request.caller.name = "root";
  request.caller.home = "/root";
  request.workspace = "/srv/app";
  request.workingDirectory = "";
  const Plan plan = planOf(smallPolicy(), request);
  CHECK(plan.identity.uid == 700'001);
  CHECK(plan.identity.gid == 700'001);
  CHECK(stepAt<BindDescriptor>(plan, "/srv/app")->idmapped);
  CHECK(stepAt<BindDescriptor>(plan, "/root")->idmapped);
  CHECK_FALSE(stepAt<BindPath>(plan, "/usr")->idmapped);
  const std::string passwd = stepAt<MakeFile>(plan, "/etc/passwd")->content;
  CHECK(passwd.starts_with("root:x:700001:700001::/root:/bin/bash\n"));
  CHECK(passwd.find(":x:0:") == std::string::npos);
  request.ownUid = 0;
  CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kInvalid);
}

TEST_CASE("a caller without a home of its own gets one inside, and no system path is idmapped for it") {
  for (const char* home : {"", "/", "relative"}) {
    policy::Document document = smallPolicy();
    document.identity = policy::IdentityKind::kOwn;
    LaunchRequest request = sampleRequest();
    request.caller.home = home;
    const Plan plan = planOf(document, request);
    CHECK(stepAt<BindDescriptor>(plan, "/home/ada"));
    CHECK_FALSE(stepAt<BindPath>(plan, "/usr")->idmapped);
  }
}

TEST_CASE("an own identity on a kernel without idmapped mounts is refused by the name of the wall") {
  policy::Document document = smallPolicy();
  document.identity = policy::IdentityKind::kOwn;
  KernelFeatures features = kernelWith(7);
  features.idmappedMounts = false;
  const Error error = errorOf(document, sampleRequest(), features);
  CHECK(error.code == ErrorCode::kUnsupported);
  CHECK(error.message.starts_with("mount: "));
}

TEST_CASE("an account that would break a passwd file is refused") {
  for (const char* name : {"", "a:b", "a\nroot:x:0:0::/:/bin/sh", "../x"}) {
    LaunchRequest request = sampleRequest();
    request.caller.name = name;
    CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kInvalid);
  }
}

// ---- environment

TEST_CASE("the environment holds what is named and nothing else") {
  policy::Document document = smallPolicy();
  document.environment.pass = {"LANG", "LC_*", "TERM", "LD_PRELOAD", "SSH_AUTH_SOCK"};
  document.environment.set = {{"EDITOR", "true"}};
  LaunchRequest request = sampleRequest();
  request.extraEnvironment = {{"DEBUG", "1"}};
  CHECK(planOf(document, request).environment ==
        std::vector<std::string>{"DEBUG=1", "EDITOR=true", "HOME=/home/ada", "LANG=C.UTF-8", "LC_TIME=de_DE.UTF-8",
                                 "LOGNAME=ada", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                 "RINGFENCE_AGENT_SOCKET=/run/ringfence/agent.sock", "RINGFENCE_RUN=r-00000000000000a1",
                                 "SHELL=/bin/bash", "TERM=xterm", "TMPDIR=/tmp", "USER=ada"});
}

TEST_CASE("PATH begins with the caller's directories that are bound for the program, in the caller's order") {
  LaunchRequest request = sampleRequest();
  request.installTree = "/home/ada/.nvm/versions/node/v22";
  request.executable = "/home/ada/.nvm/versions/node/v22/lib/node_modules/agent/cli.js";
  request.extraPaths = {{"/opt/python", Access::kReadOnly}, {"/srv/shared", Access::kReadWrite}};
  request.callerEnvironment["PATH"] =
      "/home/ada/bin:/srv/shared/bin:/opt/python/bin:/home/ada/.nvm/versions/node/v22/bin:relative:/usr/bin:"
      "/opt/python/../../home/ada:/opt/python/bin";
  const std::vector<std::string> environment = planOf(smallPolicy(), request).environment;
  CHECK(std::ranges::count(environment,
                           "PATH=/opt/python/bin:/home/ada/.nvm/versions/node/v22/bin:"
                           "/home/ada/.nvm/versions/node/v22/lib/node_modules/agent:"
                           "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") == 1);
}

TEST_CASE("what a loader or shell runs first is refused even when it is asked for by name") {
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "GLIBC_TUNABLES", "BASH_FUNC_ls%%"}) {
    LaunchRequest request = sampleRequest();
    request.extraEnvironment = {{name, "x"}};
    CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kDenied);
    policy::Document document = smallPolicy();
    document.environment.set = {{name, "x"}};
    CHECK(errorOf(document, sampleRequest()).code == ErrorCode::kDenied);
  }
  for (const char* name : {"", "A=B", "HOME", "RINGFENCE_RUN", "RINGFENCE_AGENT_SOCKET", "RINGFENCE_SOCKET"}) {
    LaunchRequest request = sampleRequest();
    request.extraEnvironment = {{name, "x"}};
    CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kInvalid);
  }
}

TEST_CASE("a plan is the same whatever was planned before it") {
  policy::Document other = smallPolicy();
  other.files.read.push_back(rule("/opt"));
  std::vector<std::pair<policy::Document, LaunchRequest>> wanted(8, {smallPolicy(), sampleRequest()});
  wanted[1].first = other;
  wanted[2].second.command = {"make", "clean"};
  wanted[3].second.workspace = wanted[3].second.workingDirectory = "/home/ada/src/site";
  wanted[4].second.extraPaths = {{"/srv/data", Access::kReadWrite}};
  wanted[5].second.installTree = "/home/ada/.tool";
  wanted[6].second.rootSymlinks.clear();
  wanted[7].second.caller.home = "/home/eve";
  std::vector<std::string> alone;
  for (const auto& one : wanted) {
    std::thread([&] { alone.push_back(explain(*makePlan(one.first, one.second, kernelWith(7)))); }).join();
  }
  CHECK(std::set<std::string>(alone.begin(), alone.end()).size() == wanted.size());
  for (std::size_t first = 0; first < wanted.size(); ++first) {
    for (std::size_t then = 0; then < wanted.size(); ++then) {
      INFO(first << " before " << then);
      (void)planOf(wanted[first].first, wanted[first].second);
      CHECK(explain(planOf(wanted[then].first, wanted[then].second)) == alone[then]);
    }
  }
}

TEST_CASE("a request without a run, a command or an executable is refused") {
  LaunchRequest request = sampleRequest();
  request.run = RunId();
  CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kInvalid);
  request = sampleRequest();
  request.command.clear();
  CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kInvalid);
  request = sampleRequest();
  request.executable = "make";
  CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kInvalid);
  request = sampleRequest();
  request.command.push_back(std::string("a\0b", 3));
  CHECK(errorOf(smallPolicy(), request).code == ErrorCode::kInvalid);
}

}  // namespace
}  // namespace ringfence::sandbox
