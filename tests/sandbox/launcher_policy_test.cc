// A shipped policy, planned and launched: the tools of a coding agent work inside, what is forbidden does not.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "policy/load.h"
#include "sandbox/plan/make_plan.h"
#include "tests/sandbox/launcher_process.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

policy::Document shippedPolicy(const std::string& name) {
  policy::Sources sources;
  for (const char* file : {"base", "offline", "readonly", "strict"}) {
    const std::string path = std::string(RINGFENCE_SOURCE_DIR) + "/policy/profiles/" + file + ".toml";
    sources.shipped.push_back({path, readFile(path)});
  }
  auto loaded = policy::load(sources, name);
  REQUIRE(std::holds_alternative<policy::Loaded>(loaded));
  policy::Document document = std::get<policy::Loaded>(loaded).document;
  document.priority = policy::PriorityClass::kInteractive;  // the other branch is idle, and a busy machine starves it
  return document;
}

LaunchRequest requestFor(const Workspace& workspace, const std::string& script) {
  LaunchRequest request;
  request.run = RunId::random();
  request.name = "coder";
  request.caller = {.uid = kTestUid, .gid = kTestUid, .name = "tester", .home = "/home/tester"};
  request.ownUid = 77'001;
  request.workspace = workspace.path();
  request.workingDirectory = workspace.path();
  request.command = {"sh", "-c", script};
  request.executable = "/bin/sh";
  request.callerEnvironment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", "/home/tester"}};
  for (const char* name : {"bin", "sbin", "lib", "lib64"}) {
    struct stat status {};
    if (::lstat((std::string("/") + name).c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
      request.rootSymlinks["/" + std::string(name)] = "usr/" + std::string(name);
    }
  }
  return request;
}

std::string runUnder(const std::string& policyName, const Workspace& workspace, const std::string& script) {
  Workspace home;
  auto plan = makePlan(shippedPolicy(policyName), requestFor(workspace, script), kernelFeatures());
  if (!plan) FAIL(plan.error().message);
  LauncherProcess launcher;
  OutputFile output(workspace);
  auto fds = output.fds();
  fds[kHomeDescriptor] = home.fd();
  (void)launcher.runToEnd(*plan, fds);
  return output.text();
}

}  // namespace

TEST_CASE("a compiler, an interpreter and git work under the coding policy") {
  Workspace workspace;
  workspace.write("main.c", "int main(void) { return 3; }\n");
  const std::string text = runUnder(
      "offline", workspace,
      "gcc main.c -o main && ./main; echo gcc $?; python3 -c 'import json, ssl, subprocess; print(\"python\", 1 + 1)';"
      "git init -q repo && cd repo && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log "
      "--oneline | wc -l;"
      "id -u; pwd; echo $HOME; touch $HOME/made && echo home; seq 3 | tail -1; mktemp > /dev/null && echo tmp");
  CHECK(text == "gcc 3\npython 2\n1\n1000\n" + workspace.path() + "/repo\n/home/tester\nhome\n3\ntmp\n");
}

TEST_CASE("what the coding policy forbids does not happen") {
  Workspace workspace;
  workspace.write(".env", "TOKEN");
  workspace.write(".git/config", "[core]\n");
  workspace.write(".git/hooks/sample", "");
  const std::string text = runUnder("offline", workspace,
                                    "cat .env; echo x > .git/hooks/pre-commit; echo x >> .git/config; mkdir .claude; "
                                    "echo x > .mcp.json; cat /etc/shadow;"
                                    "ls /root /home/other /var; unshare -U true; chmod 4755 . ; echo end");
  CHECK(text.find("TOKEN") == std::string::npos);
  CHECK(text.find("end") != std::string::npos);
  CHECK(::access((workspace.path() + "/.git/hooks/pre-commit").c_str(), F_OK) != 0);
  CHECK(readFile(workspace.path() + "/.git/config") == "[core]\n");
  for (const char* held : {"/.claude", "/.mcp.json", "/.vscode", "/.ringfence.toml"}) {
    CAPTURE(held);
    CHECK(::access((workspace.path() + held).c_str(), F_OK) != 0);
  }
  struct stat status {};
  REQUIRE(::stat(workspace.path().c_str(), &status) == 0);
  CHECK((status.st_mode & 06000) == 0);
}

TEST_CASE("git works in a repository whose settings are held, and its common folder cannot be moved elsewhere") {
  Workspace workspace;
  const std::string as = "git -c user.name=a -c user.email=a@b ";
  const std::string text = runUnder("offline", workspace, "git init -q .");
  CHECK(text.empty());
  CHECK(runUnder(
            "offline", workspace,
            "cat .git/commondir; (echo ../mine > .git/commondir) 2>/dev/null; echo x > f; git add f && " + as +
                "commit -qm x && git branch b && git stash list && git gc -q && git worktree add -q ../w b 2>/dev/null;"
                "git log --oneline --all | wc -l; git fsck 2>&1; git rev-parse --absolute-git-dir "
                "--path-format=absolute --git-common-dir") ==
        ".1\n" + workspace.path() + "/.git\n" + workspace.path() + "/.git\n");
  CHECK(::access((workspace.path() + "/.git/commondir").c_str(), F_OK) != 0);
}

TEST_CASE("repositories below the workspace are held as its own is") {
  Workspace workspace;
  workspace.write("sub/.git/config", "[core]\n");
  workspace.write("a/b/full/.git/hooks/sample", "");
  workspace.write("a/b/full/.git/modules/m/config", "[core]\n");
  workspace.write("module/.git", "gitdir: ../elsewhere\n");
  workspace.write("linked/.git/config", "[core]\n");
  REQUIRE(::symlink("/etc", (workspace.path() + "/linked/.git/hooks").c_str()) == 0);
  const std::string text = runUnder(
      "offline", workspace,
      "for f in sub/.git/hooks/post a/b/full/.git/hooks/post sub/.git/config sub/.git/config.worktree "
      "a/b/full/.git/config a/b/full/.git/modules/m/config module/.git linked/.git/config; do "
      "mkdir -p ${f%/*}; (echo planted > $f) 2>/dev/null; rm -f $f 2>/dev/null; (echo planted > $f) 2>/dev/null; done;"
      "mv sub moved; mv a/b moved; mv module/.git moved; echo work > sub/file; echo x > sub/.git/index; cat "
      "sub/.git/config");
  CHECK(text.find("[core]") != std::string::npos);
  CHECK(readFile(workspace.path() + "/sub/.git/config") == "[core]\n");
  CHECK(readFile(workspace.path() + "/sub/file") == "work\n");
  CHECK(readFile(workspace.path() + "/sub/.git/index") == "x\n");
  CHECK(readFile(workspace.path() + "/a/b/full/.git/modules/m/config") == "[core]\n");
  CHECK(readFile(workspace.path() + "/module/.git") == "gitdir: ../elsewhere\n");
  CHECK(readFile(workspace.path() + "/linked/.git/config") == "[core]\n");
  for (const char* path :
       {"/sub/.git/hooks", "/sub/.git/config.worktree", "/a/b/full/.git/hooks/post", "/a/b/full/.git/config"}) {
    CAPTURE(path);
    CHECK(::access((workspace.path() + path).c_str(), F_OK) != 0);
  }
}

TEST_CASE("the readonly policy leaves the workspace as it is") {
  Workspace workspace;
  const std::string text = runUnder("readonly", workspace, "echo x > made; echo end");
  CHECK(text.find("end") != std::string::npos);
  CHECK(::access((workspace.path() + "/made").c_str(), F_OK) != 0);
}
