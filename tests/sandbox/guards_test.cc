// What the launcher does for the guards of a run, with a stand-in for their programs: where they stand and with which
// rights, that one is always there, and that none is left.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <csignal>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>

#include "sandbox/kernel/landlock.h"
#include "sandbox/kernel/procfs.h"
#include "sandbox/kernel/redirect.h"
#include "sandbox/kernel/seccomp.h"
#include "sandbox/plan/seccomp_default.h"
#include "sandbox/wire/action_ring.h"
#include "sandbox/wire/call_journal.h"
#include "tests/sandbox/guarded_run.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

TEST_CASE("a warden stands in its run with the run's ids, one right over it, six descriptors and small groups") {
  GuardedRun run(wardedPlan);
  const auto started = run.launcher.expectOfGuard<GuardStarted>();
  CHECK(started.kind == GuardKind::kWarden);
  const int pid = started.pid, init = run.built.initPid;
  CHECK(hear((*run.held)[HeldFd::kWarden]) ==
        "ringfence-warden --run " + run.plan.run.text() + " pid " + std::to_string(pid));
  const ProcStatus status = statusOf(pid);
  CHECK(status.uid == std::array<std::uint32_t, 4>{kTestUid, kTestUid, kTestUid, kTestUid});
  CHECK(status.gid == std::array<std::uint32_t, 4>{kTestUid, kTestUid, kTestUid, kTestUid});
  CHECK(status.groups.empty());
  CHECK(status.permitted == kTrace);
  CHECK(status.effective == kTrace);
  CHECK(status.ambient == kTrace);
  CHECK(status.bounding == 0);
  CHECK(status.noNewPrivs);
  for (const char* name : {"ns/mnt", "ns/net", "ns/ipc", "ns/uts", "ns/user"}) {
    CAPTURE(name);
    CHECK(linkOf(pid, name) == linkOf(init, name));
  }
  CHECK(linkOf(pid, "ns/pid") == linkOf(run.launcher.pid(), "ns/pid"));
  CHECK(linkOf(pid, "ns/user") != linkOf(run.launcher.pid(), "ns/user"));
  CHECK(descriptorsOf(pid) == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(linkOf(pid, "fd/0") == "/dev/null");
  CHECK(linkOf(pid, "cwd") == "/");
  CHECK(readProc(pid, "environ").empty());
  const auto limits = parseLimits(readProc(pid, "limits"));
  REQUIRE(limits);
  CHECK(limits->at(RLIMIT_CORE).hard == 0);
  CHECK(limits->at(RLIMIT_NOFILE).hard == 4096);
  const CgroupTree groups = run.launcher.groups();
  std::vector<int> inLeaf = groups.processes(run.plan.run, run.plan.priority, Leaf::kWarden).value();
  std::erase_if(inLeaf, [&](int each) { return readProc(each, "comm") == "stem\n"; });
  CHECK(inLeaf == std::vector<int>{pid});
  const std::string own = "/" + run.launcher.groupName() + "-interactive/" + run.plan.run.text() + "/warden";
  const auto entries = parseCgroups(readProc(pid, "cgroup"));
  REQUIRE(entries);
  for (const auto& [controllers, path] : *entries) {
    const bool used = controllers.empty() || std::ranges::any_of(controllers, [](const std::string& name) {
                        const auto place = kernelFeatures().controllers.find(name == "blkio" ? "io" : name);
                        return name != "cpuacct" && name != "cpuset" && place != kernelFeatures().controllers.end();
                      });
    CAPTURE(controllers, path);
    if (used) CHECK(path == own);
  }
  CHECK(run.end().exit.code == 0);
}

TEST_CASE("of the host's /proc a warden has its own and its run's processes, and no file that it could write") {
  GuardedRun run(wardedPlan);
  const std::string pid = std::to_string(run.launcher.expectOfGuard<GuardStarted>().pid);
  (void)hear((*run.held)[HeldFd::kWarden]);
  CHECK(askWarden(run, "read " + pid + "/status") == 0);
  CHECK(askWarden(run, "read self/status") == 0);
  for (const std::string name : {"version", "cmdline", "sys/kernel/hostname", "mounts", "net/tcp", "../etc/hostname"}) {
    CAPTURE(name);
    REQUIRE(::access(("/proc/" + name).c_str(), F_OK) == 0);
    CHECK(askWarden(run, "read " + name) == ENOENT);
  }
  // What everybody may read elsewhere.
  for (const int other : {1, ::getpid(), int{run.launcher.pid()}, int{run.built.initPid}}) {
    CAPTURE(other);
    CHECK(askWarden(run, "read " + std::to_string(other) + "/cmdline") == ENOENT);
  }
  // Its own, which it may write where the mount lets it.
  for (const std::string name : {"comm", "oom_score_adj", "coredump_filter"}) {
    CAPTURE(name);
    CHECK(askWarden(run, "write self/" + name) == EROFS);
  }
  CHECK(run.end().exit.code == 0);
}

TEST_CASE("what the filter hands over is answered by the warden, and what was denied is for the agent to read only") {
  GuardedRun run(wardedPlan,
                 "while ! test -e go; do sleep 0.01; done; mkdir x && echo made; test -e x || echo not really;"
                 "cat /run/ringfence/denials; (echo mine >> /run/ringfence/denials) 2> /dev/null || echo refused;"
                 "rm -f /run/ringfence/denials 2> /dev/null || echo held");
  for (const WallReading& reading : run.built.posture) {
    CAPTURE(wallName(reading.wall), reading.wanted, reading.got);
    CHECK(reading.up);
  }
  (void)hear((*run.held)[HeldFd::kWarden]);
  CHECK(eventually([&] {
    struct stat status {};
    return ::fstat((*run.held)[HeldFd::kDenials], &status) == 0 && status.st_size > 0;
  }));
  CHECK(run.end().exit.code == 0);
  CHECK(run.output.text() == "made\nnot really\ndenied\nrefused\nheld\n");
}

TEST_CASE("the journal of calls is empty and cannot change its size, and the ring of actions is one") {
  GuardedRun run(wardedPlan);
  const int calls = (*run.held)[HeldFd::kCalls];
  struct stat status {};
  REQUIRE(::fstat(calls, &status) == 0);
  CHECK(static_cast<std::uint64_t>(status.st_size) == kCallsJournalBytes.count);
  CHECK(::ftruncate(calls, 0) != 0);
  CHECK(::ftruncate(calls, status.st_size * 2) != 0);
  auto ring = ActionRing::open(UniqueFd(::dup((*run.held)[HeldFd::kWardenActions])));
  REQUIRE(ring);
  CHECK(ring->empty());
  CHECK(run.end().exit.code == 0);
}

TEST_CASE("a warden that is killed is told, and the next one has its descriptors and answers what waits") {
  GuardedRun run(wardedPlan);
  const auto first = run.launcher.expectOfGuard<GuardStarted>();
  (void)hear((*run.held)[HeldFd::kWarden]);
  REQUIRE(::kill(first.pid, SIGKILL) == 0);
  run.go();  // Its call comes while nobody listens, or to the next one.
  const auto died = run.launcher.expectOfGuard<GuardDied>();
  CHECK(died.kind == GuardKind::kWarden);
  CHECK(died.why == "it was ended by signal 9");
  const auto second = run.launcher.expectOfGuard<GuardStarted>();
  CHECK(second.pid != first.pid);
  CHECK(hear((*run.held)[HeldFd::kWarden]) ==
        "ringfence-warden --run " + run.plan.run.text() + " --restarted pid " + std::to_string(second.pid));
  CHECK(run.end().exit.code == 0);
  CHECK(run.output.text() == "made\n");
}

TEST_CASE("a guard that dies again and again ends its run, and the end says so") {
  GuardedRun run(wardedPlan);
  for (int i = 0; i < 6; ++i) {
    const auto started = run.launcher.expectOfGuard<GuardStarted>();
    REQUIRE(::kill(started.pid, SIGKILL) == 0);
    (void)run.launcher.expectOfGuard<GuardDied>();
  }
  const Ended ended = run.launcher.expect<Ended>();
  CHECK(ended.exit.signal == SIGKILL);
  CHECK(ended.note.find("ringfence-warden died 6 times within ten seconds") != std::string::npos);
  run.launcher.send(Forget{run.plan.run});
}

TEST_CASE("a guard whose program cannot be run is told with its reason") {
  const Programs programs;
  std::filesystem::resize_file(programs.path() + "/ringfence-warden", 0);
  LauncherProcess launcher(LauncherProcess::Variation{.programs = programs.path()});
  const Workspace workspace;
  const OutputFile output(workspace);
  (void)launcher.start(wardedPlan("sleep 1000"), output.fds());
  (void)launcher.expectOfGuard<GuardStarted>();
  CHECK(launcher.expectOfGuard<GuardDied>().why.starts_with("running ringfence-warden"));
  CHECK(launcher.expect<Ended>().note.find("ringfence-warden died") != std::string::npos);
}

TEST_CASE("nobody of a run's guards is left when it is removed, however it ends") {
  const bool killed = GENERATE(false, true);
  GuardedRun run([](const std::string& script) {
    Plan plan = wardedPlan(script);
    plan.guards.egress = true;
    plan.guards.egressUid = kEgressUid;
    return plan;
  });
  std::vector<int> pids{run.launcher.expectOfGuard<GuardStarted>().pid, run.launcher.expectOfGuard<GuardStarted>().pid};
  (void)hear((*run.held)[HeldFd::kWarden]);
  (void)hear((*run.held)[HeldFd::kEgress]);
  const CgroupTree groups = run.launcher.groups();
  const auto halves = groups.processes(run.plan.run, run.plan.priority, Leaf::kEgress);
  REQUIRE(halves);
  pids.insert(pids.end(), halves->begin(), halves->end());
  CHECK(pids.size() == 4);  // The outer half twice.
  if (hasStems()) {
    REQUIRE(eventually([&] { return stemsOf(groups, run.plan).size() == 1; }));
    pids.push_back(stemsOf(groups, run.plan).front());
  }
  CgroupTree tree = run.launcher.groups();
  if (killed) REQUIRE(tree.kill(run.plan.run, run.plan.priority));
  (void)run.end();
  for (const int pid : pids) CHECK(isGone(pid));
  if (!killed) CHECK(hear((*run.held)[HeldFd::kEgress]) == "last words");
  run.launcher.send(Adopt{});
  CHECK(run.launcher.expect<AdoptDone>().count == 0);
  CHECK(eventually([&] { return groups.list().value().empty(); }));
}

TEST_CASE("one write freezes a run with its guards, and a guard that is killed meanwhile is replaced") {
  const bool isIdle = GENERATE(false, true);
  CAPTURE(isIdle);
  GuardedRun run(isIdle ? backgroundPlan : wardedPlan);
  const auto first = run.launcher.expectOfGuard<GuardStarted>();
  (void)hear((*run.held)[HeldFd::kWarden]);
  CgroupTree groups = run.launcher.groups();
  REQUIRE(groups.freeze(run.plan.run, run.plan.priority));
  CHECK(eventually([&] { return groups.isFrozen(run.plan.run, run.plan.priority).value(); }));
  const std::string events = kernelFeatures().unifiedMount + "/" + run.launcher.groupName() +
                             (isIdle ? "-background/" : "-interactive/") + run.plan.run.text() +
                             "/warden/cgroup.events";
  CHECK(eventually([&] { return readFile(events).find("frozen 1") != std::string::npos; }));
  REQUIRE(::kill(first.pid, SIGKILL) == 0);
  (void)run.launcher.expectOfGuard<GuardDied>();
  run.launcher.send(Adopt{});  // Nobody waits for a guard that is born frozen.
  CHECK(run.launcher.expect<Kept>().kept.run == run.plan.run);
  CHECK(run.launcher.expect<AdoptDone>().count == 1);
  REQUIRE(groups.thaw(run.plan.run, run.plan.priority));
  (void)run.launcher.expectOfGuard<GuardStarted>();
  CHECK(run.end().exit.code == 0);
  CHECK(run.output.text() == "made\n");
}

TEST_CASE("a launcher that comes after a dead one starts the guards of its runs with what was kept") {
  GuardedRun run(wardedPlan);
  const auto first = run.launcher.expectOfGuard<GuardStarted>();
  (void)hear((*run.held)[HeldFd::kWarden]);
  run.launcher.killAndRestart();
  CHECK(eventually([&] { return isGone(first.pid); }));
  KeptRun kept{
      .run = run.plan.run, .state = KeptState::kRunning, .priority = run.plan.priority, .initPid = run.built.initPid};
  kept.held = run.held->bits();
  run.launcher.send(Kept{kept}, run.held->all());
  CHECK(run.launcher.expectOfGuard<GuardDied>().why == "the launcher that had started it ended");
  const auto second = run.launcher.expectOfGuard<GuardStarted>();
  CHECK(hear((*run.held)[HeldFd::kWarden]) ==
        "ringfence-warden --run " + run.plan.run.text() + " --restarted pid " + std::to_string(second.pid));
  const ProcStatus status = statusOf(second.pid);
  CHECK(status.uid[1] == kTestUid);
  CHECK(status.permitted == kTrace);
  run.go();
  (void)run.launcher.expect<Ended>();
  CHECK(run.output.text() == "made\n");
  CHECK(eventually([&] { return isGone(second.pid); }));
}

TEST_CASE("the halves of an egress have an id and nothing else: one in the run's network, one in the host's") {
  GuardedRun run(egressPlan, "while ! test -e go; do sleep 0.01; done");
  const auto started = run.launcher.expectOfGuard<GuardStarted>();
  CHECK(started.kind == GuardKind::kEgress);
  const std::string id = run.plan.run.text();
  CHECK(hear((*run.held)[HeldFd::kEgress]) == "ringfence-egress outer --run " + id + " --pid " +
                                                  std::to_string(started.pid) + " | ringfence-egress inner --run " +
                                                  id);
  const CgroupTree groups = run.launcher.groups();
  const auto pids = groups.processes(run.plan.run, run.plan.priority, Leaf::kEgress).value();
  REQUIRE(pids.size() == 2);
  for (const int pid : pids) {
    const bool isOuter = pid == started.pid;
    CAPTURE(isOuter);
    const ProcStatus status = statusOf(pid);
    CHECK(status.uid == std::array<std::uint32_t, 4>{kEgressUid, kEgressUid, kEgressUid, kEgressUid});
    CHECK(status.gid == std::array<std::uint32_t, 4>{kEgressUid, kEgressUid, kEgressUid, kEgressUid});
    CHECK(status.groups.empty());
    CHECK((status.inheritable | status.permitted | status.effective | status.ambient | status.bounding) == 0);
    CHECK(status.noNewPrivs);
    CHECK(status.namespacePids.back() == 1);
    CHECK(linkOf(pid, "ns/net") == linkOf(isOuter ? run.launcher.pid() : run.built.initPid, "ns/net"));
    CHECK(linkOf(pid, "ns/mnt") != linkOf(run.launcher.pid(), "ns/mnt"));
    // The inner half of these tests listens.
    CHECK(descriptorsOf(pid) == (isOuter ? std::vector<int>{0, 1, 2, 3, 4, 5, 6} : std::vector<int>{0, 1, 2, 3, 4}));
    std::set<std::string> seen;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/root/"))
      seen.insert(entry.path().filename());
    seen.erase("usr");  // Certificates, where this machine has them there.
    CHECK(seen == (isOuter ? std::set<std::string>{"etc"} : std::set<std::string>{}));
    if (isOuter) CHECK(readProc(pid, "root/etc/names/hosts") == readFile("/etc/hosts"));
    if (isOuter) CHECK_FALSE(std::filesystem::exists("/proc/" + std::to_string(pid) + "/root/etc/passwd"));
  }
  CHECK(run.end().exit.code == 0);
}

TEST_CASE("a command finds its network ready: what it connects to is taken by the egress") {
  const bool redirects = hasRedirect();  // Else only the explicit proxy works.
  const Programs programs;
  LauncherProcess launcher(LauncherProcess::Variation{.programs = programs.path()});
  const Workspace workspace;
  const OutputFile output(workspace);
  const Plan plan = egressPlan("exec bash -c 'exec 5<>/dev/tcp/198.51.100.7/80 && echo connected'");
  CHECK((launcher.runToEnd(plan, output.fds()).exit.code == 0) == redirects);
  CHECK((output.text() == "connected\n") == redirects);
}

TEST_CASE("an egress that loses one half begins again with both") {
  GuardedRun run(egressPlan, "while ! test -e go; do sleep 0.01; done");
  const auto started = run.launcher.expectOfGuard<GuardStarted>();
  (void)hear((*run.held)[HeldFd::kEgress]);
  const CgroupTree groups = run.launcher.groups();
  const auto before = groups.processes(run.plan.run, run.plan.priority, Leaf::kEgress).value();
  const int inner = before[0] == started.pid ? before[1] : before[0];
  REQUIRE(::kill(inner, SIGKILL) == 0);
  CHECK(run.launcher.expectOfGuard<GuardDied>().kind == GuardKind::kEgress);
  const auto again = run.launcher.expectOfGuard<GuardStarted>();
  const std::string id = run.plan.run.text();
  CHECK(hear((*run.held)[HeldFd::kEgress]) == "ringfence-egress outer --run " + id + " --pid " +
                                                  std::to_string(again.pid) +
                                                  " --restarted | ringfence-egress inner --run " + id + " --restarted");
  for (const int pid : before) CHECK(isGone(pid));
  CHECK(run.end().exit.code == 0);
}

TEST_CASE("a run that cannot have the guards of its plan is refused in words") {
  const auto refusalOf = [](Plan plan, Programs::With with, std::function<void()> before = {}) {
    const Programs programs(with);
    LauncherProcess launcher(LauncherProcess::Variation{.programs = programs.path(), .before = std::move(before)});
    const Workspace workspace;
    const OutputFile output(workspace);
    launcher.send(Launch{std::move(plan)}, output.fds());
    const auto failed = launcher.expect<LaunchFailed>();
    return failed.token + " " + failed.message;
  };
  CHECK(refusalOf(wardedPlan("true"), Programs::With::kNone).starts_with("guard ringfence-warden was not found"));
  Plan deaf = wardedPlan("true");
  deaf.seccomp = defaultSeccompTable();
  CHECK(refusalOf(deaf, Programs::With::kGuards).starts_with("seccomp "));
  Plan unheard = wardedPlan("true");
  unheard.guards.warden = false;
  CHECK(refusalOf(unheard, Programs::With::kGuards).starts_with("seccomp "));
  Plan nameless = egressPlan("true");
  nameless.guards.egressUid = 0;
  CHECK(refusalOf(nameless, Programs::With::kGuards).starts_with("uid "));
  const auto underListener = [] {
    const BpfProgram program = {
        {0x20, 0, 0, 0}, {0x15, 0, 1, SYS_kexec_load}, {0x06, 0, 0, 0x7fc00000U}, {0x06, 0, 0, 0x7fff0000U}};
    const int listener = installWithListener(program);
    if (listener < 0 || ::fcntl(listener, F_SETFD, 0) != 0) ::_exit(99);
  };
  CHECK(
      refusalOf(wardedPlan("true"), Programs::With::kGuards, underListener).find("a program above Ringfence listens") !=
      std::string::npos);
}

TEST_CASE("a launch with guards that is abandoned or fails leaves none of them") {
  const Programs programs;
  LauncherProcess launcher(LauncherProcess::Variation{.programs = programs.path()});
  const Workspace workspace;
  const OutputFile output(workspace);
  for (int i = 0; i < 6; ++i) {
    Plan plan = wardedPlan("touch ran");
    plan.run = RunId::random();
    if (i % 2 == 1) plan.mounts.push_back(BindPath{"/no/such/path", "/x"});
    launcher.send(Launch{plan}, output.fds());
    if (i % 2 == 0) {
      (void)launcher.expect<Built>();
      launcher.send(Abandon{plan.run});
    }
    CHECK(launcher.expect<LaunchFailed>().token == (i % 2 == 0 ? "abandoned" : "mount"));
  }
  std::string nursery;  // its only child that is of no run
  for (const int pid : childrenNamed("nursery", launcher.pid())) nursery += std::to_string(pid) + " ";
  const std::string self = std::to_string(launcher.pid());
  CHECK(eventually([&] {
    const std::string children = readProc(launcher.pid(), "task/" + self + "/children");
    return children == nursery && launcher.groups().list().value().empty();
  }));
  CHECK(::access((workspace.path() + "/ran").c_str(), F_OK) != 0);
}
