// What the launcher does for the real egress of a run: the host's files about names, and who made a connection.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>
#include <thread>

#include "tests/sandbox/launcher_process.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 4000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

std::string readProc(int pid, const std::string& name) {
  return readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/" + name, mebibytes(1)).value_or("");
}

Plan egressPlan(const std::string& script) {
  Plan plan = shellPlan(script);
  plan.guards = {.warden = false, .egress = true, .egressUid = 77'556};
  plan.mounts.push_back(MountTmpfs{.target = "/run", .size = mebibytes(1), .inodes = 64, .mode = 0755, .noExec = true});
  for (auto* rules : {&plan.landlock.inner, &plan.landlock.outer}) rules->push_back({"/run", plan.landlock.handledFs});
  return plan;
}

// This process, and the launcher that it starts, have a copy of /etc in its place; and the machine's own one
// afterwards.
class OwnEtc {
 public:
  OwnEtc() : machines_(std::move(openAt(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY)).value()) {
    const std::string copy = directory_.path() + "/etc";
    using Options = std::filesystem::copy_options;
    std::filesystem::copy("/etc", copy, Options::recursive | Options::copy_symlinks);
    REQUIRE(::unshare(CLONE_NEWNS) == 0);
    REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    REQUIRE(::mount(copy.c_str(), "/etc", nullptr, MS_BIND, nullptr) == 0);
  }
  ~OwnEtc() {
    (void)::setns(machines_.get(), CLONE_NEWNS);
    std::error_code error;  // It was there before.
    std::filesystem::current_path(here_, error);
  }
  OwnEtc(const OwnEtc&) = delete;
  OwnEtc& operator=(const OwnEtc&) = delete;

  void replaceResolvConf(const std::string& text) const {
    (void)directory_.write("etc/resolv.conf.new", text);
    REQUIRE(::rename("/etc/resolv.conf.new", "/etc/resolv.conf") == 0);
  }

 private:
  TempDir directory_;
  UniqueFd machines_;
  std::string here_ = std::filesystem::current_path();
};

// Ends when the file `go` is there.
struct GuardedRun {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output{workspace};
  Plan plan;
  Built built;
  std::vector<UniqueFd> held;

  explicit GuardedRun(const std::string& script) : plan(egressPlan(script)) {
    built = launcher.start(plan, output.fds());
    held = std::move(launcher.lastFds());
  }
  Ended end() {
    (void)workspace.write("go", "");
    Ended ended = launcher.expect<Ended>();
    launcher.send(Forget{plan.run});
    return ended;
  }
};

}  // namespace

TEST_CASE("an egress that stands sees what the host's resolv.conf was replaced by") {
  const OwnEtc etc;
  etc.replaceResolvConf("nameserver 192.0.2.1\n");
  GuardedRun run("while ! test -e go; do sleep 0.01; done");
  const int outer = run.launcher.expectOfGuard<GuardStarted>().pid;
  const auto sees = [&](const std::string& text) { return readProc(outer, "root/etc/names/resolv.conf") == text; };
  CHECK(eventually([&] { return sees("nameserver 192.0.2.1\n"); }));
  etc.replaceResolvConf("nameserver 192.0.2.2\n");
  CHECK(eventually([&] { return sees("nameserver 192.0.2.2\n"); }));
  CHECK(run.end().exit.code == 0);
}

TEST_CASE("who made a connection is told by its ends: the process, what started it, and who else holds it") {
  // A connection over the run's own loopback device, shared with a child. Its ports are on the first line.
  GuardedRun run(
      "exec python3 -c \"import os, socket, time; l = socket.create_server(('127.0.0.1', 0)); "
      "c = socket.create_connection(l.getsockname()); print(c.getsockname()[1], l.getsockname()[1], "
      "flush=True); os.set_inheritable(c.fileno(), True); pid = os.fork()\nif pid == 0:\n while not "
      "os.path.exists('go'): time.sleep(0.01)\n os._exit(0)\nos.waitpid(pid, 0)\"");
  (void)run.launcher.expectOfGuard<GuardStarted>();
  REQUIRE(eventually([&] { return run.output.text().find('\n') != std::string::npos; }));
  const std::string text = run.output.text();
  const std::string own = text.substr(0, text.find(' ')),
                    far = text.substr(text.find(' ') + 1, text.find('\n') - text.find(' ') - 1);
  const auto find = [&](const std::string& ends) {
    run.launcher.send(FindOwner{run.plan.run, 7, ends});
    auto found = run.launcher.expect<OwnerFound>();
    CHECK(found.run == run.plan.run);
    CHECK(found.ticket == 7);
    return found;
  };
  const std::string ends = "tcp 127.0.0.1:" + own + " to 127.0.0.1:" + far;
  OwnerFound found;
  CHECK(eventually([&] { return !(found = find(ends)).note.empty(); }));
  CHECK(found.note == "held by 1 other process of the run too; the oldest is shown");
  REQUIRE(found.chain.size() == 2);
  CHECK(found.chain[0].name.starts_with("python3"));
  CHECK(found.chain[1].pid == run.built.initPid);
  for (const auto& [odd, why] :
       {std::pair{"tcp 127.0.0.1:1 to 127.0.0.1:" + far, "not known: whoever made the connection has closed it"},
        std::pair{"tcp 127.0.0.1:" + own + " to 127.0.0.2:" + far, "not known: whoever made the connection"},
        std::pair{std::string("what a guard says"), "not known: the guard did not say which connection it is"}}) {
    INFO(odd);
    const OwnerFound none = find(odd);
    CHECK(none.chain.empty());
    CHECK(none.note.starts_with(why));
  }
  CHECK(run.end().exit.code == 0);
  const OwnerFound over = find(ends);
  CHECK(over.chain.empty());
  CHECK(over.note == "not known: the run was over when it was looked for");
}
