// The launcher's pipeline, seen from the daemon's side of its socket and from inside a run.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "sandbox/launcher/report.h"
#include "sdk/base/output_ring.h"
#include "tests/sandbox/launcher_process.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

struct Outcome {
  Ended ended;
  std::string text;
};

Outcome runScript(LauncherProcess& launcher, const Workspace& workspace, const std::string& script) {
  OutputFile output(workspace);
  Ended ended = launcher.runToEnd(shellPlan(script), output.fds());
  return {ended, output.text()};
}

LaunchFailed launchAndFail(LauncherProcess& launcher, const Plan& plan, const std::vector<int>& fds) {
  launcher.send(Launch{plan}, fds);
  return launcher.expect<LaunchFailed>();
}

// Of the report that a stopped process is about to send.
std::uint32_t sentKind(int memory, std::uint64_t message) {
  msghdr header{};
  iovec part{};
  std::uint32_t kind = 0;
  REQUIRE(::pread(memory, &header, sizeof header, static_cast<off_t>(message)) == sizeof header);
  REQUIRE(::pread(memory, &part, sizeof part, reinterpret_cast<off_t>(header.msg_iov)) == sizeof part);
  REQUIRE(::pread(memory, &kind, sizeof kind, reinterpret_cast<off_t>(part.iov_base)) == sizeof kind);
  return kind;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a run says hello and its exit code comes back") {
  LauncherProcess launcher;
  Workspace workspace;
  const auto [ended, text] = runScript(launcher, workspace, "echo hello; exit 7");
  CHECK(ended.exit.code == 7);
  CHECK(!ended.exit.signal);
  CHECK(text == "hello\n");
}

TEST_CASE("a prepared run is continued and not forked again") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("echo warm");
  launcher.send(Prepare{plan.run, plan.priority});
  CHECK(launcher.expect<Prepared>().run == plan.run);
  const auto before = launcher.groups().processes(plan.run, plan.priority);
  REQUIRE(before);
  REQUIRE(before->size() == 1);
  launcher.send(Launch{plan}, output.fds());
  CHECK(launcher.expect<Built>().initPid == before->front());
  launcher.send(Release{plan.run});
  CHECK(launcher.expect<Started>().pid > 0);
  CHECK(launcher.expect<Ended>().exit.code == 0);
  CHECK(output.text() == "warm\n");
}

TEST_CASE("a missing program is 127 and names it, one that may not run is 126") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  Plan plan = shellPlan("");
  plan.executable = "/usr/bin/no-such-program";
  launcher.send(Launch{plan}, output.fds());
  (void)launcher.expect<Built>();
  launcher.send(Release{plan.run});
  const auto missing = launcher.expect<LaunchFailed>();
  CHECK(missing.exitCode == 127);
  CHECK(missing.token == "executable");
  CHECK(contains(missing.message, "/usr/bin/no-such-program"));

  plan = shellPlan("");
  plan.executable = "/etc/passwd";
  launcher.send(Launch{plan}, output.fds());
  (void)launcher.expect<Built>();
  launcher.send(Release{plan.run});
  CHECK(launcher.expect<LaunchFailed>().exitCode == 126);
}

TEST_CASE("a command that dies of a signal is told by the signal") {
  LauncherProcess launcher;
  Workspace workspace;
  CHECK(runScript(launcher, workspace, "kill -USR1 $$").ended.exit.signal == SIGUSR1);
}

TEST_CASE("the end of the command ends every process of the run") {
  LauncherProcess launcher;
  Workspace workspace;
  const auto [ended, text] = runScript(launcher, workspace, "setsid sleep 1000 & exit 3");
  CHECK(ended.exit.code == 3);
}

TEST_CASE("a signal reaches the command, a stop and its end are reported") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("kill -STOP $$; exit 4");
  (void)launcher.start(plan, output.fds());
  CHECK(launcher.expect<CommandStopped>().signal == SIGSTOP);
  launcher.send(SignalRun{plan.run, SIGCONT});
  (void)launcher.expect<CommandContinued>();
  CHECK(launcher.expect<Ended>().exit.code == 4);
}

TEST_CASE("identity caller runs as the caller and writes files of the caller") {
  LauncherProcess launcher;
  Workspace workspace;
  const auto [ended, text] = runScript(launcher, workspace, "id -u; id -g; id -G; umask; touch made");
  CHECK(ended.exit.code == 0);
  CHECK(text == "1000\n1000\n1000\n0022\n");
  struct stat status {};
  REQUIRE(::stat((workspace.path() + "/made").c_str(), &status) == 0);
  CHECK(status.st_uid == kTestUid);
}

TEST_CASE("identity own runs as another uid, and files outside stay the caller's") {
  LauncherProcess launcher;
  Workspace workspace;
  workspace.write("given", "x");
  OutputFile output(workspace);
  Plan plan = shellPlan("id -u; stat -c %u given; touch made");
  plan.identity.uid = plan.identity.gid = 77'001;
  std::get<BindDescriptor>(plan.mounts.back()).idmapped = true;
  CHECK(launcher.runToEnd(plan, output.fds()).exit.code == 0);
  CHECK(output.text() == "77001\n77001\n");
  struct stat status {};
  REQUIRE(::stat((workspace.path() + "/made").c_str(), &status) == 0);
  CHECK(status.st_uid == kTestUid);
}

TEST_CASE("a file system that cannot map ids is a refused launch that names it") {
  // Mounts of this process and of the launcher that it starts, and of nobody else.
  REQUIRE(::unshare(CLONE_NEWNS) == 0);
  REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  const TempDir place;
  REQUIRE(::mount("none", place.path().c_str(), "devpts", 0, nullptr) == 0);
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  Plan plan = shellPlan("true");
  plan.identity.uid = plan.identity.gid = 77'001;
  std::get<BindDescriptor>(plan.mounts.back()).idmapped = true;
  const UniqueFd pseudo(::open(place.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto fds = output.fds();
  fds[kWorkspaceDescriptor] = pseudo.get();
  const auto failed = launchAndFail(launcher, plan, fds);
  CHECK(failed.token == "workspace");
  CHECK(contains(failed.message, "cannot map ids"));
  CHECK(failed.exitCode == 125);
  REQUIRE(::umount2(place.path().c_str(), MNT_DETACH) == 0);
}

TEST_CASE("a read-only workspace cannot be written") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  Plan plan = shellPlan("echo x > made; chmod 700 .; echo end");
  std::get<BindDescriptor>(plan.mounts.back()).access = Access::kReadOnly;
  (void)launcher.runToEnd(plan, output.fds());
  CHECK(contains(output.text(), "Read-only file system"));
  CHECK(::access((workspace.path() + "/made").c_str(), F_OK) != 0);
}

TEST_CASE("a source is opened with the caller's rights, not with root's") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  TempDir secret;
  secret.write("inner/file", "secret");
  REQUIRE(::chmod(secret.path().c_str(), 0700) == 0);
  Plan plan = shellPlan("true");
  plan.mounts.push_back(BindPath{secret.path() + "/inner", "/inner"});
  const auto failed = launchAndFail(launcher, plan, output.fds());
  CHECK(failed.token == "mount");
  CHECK(contains(failed.message, secret.path() + "/inner"));

  REQUIRE(::chmod(secret.path().c_str(), 0755) == 0);
  plan.run = RunId::random();
  CHECK(launcher.runToEnd(plan, output.fds()).exit.code == 0);
}

TEST_CASE("no grant reaches the host's root or its proc, also not through a symbolic link") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  TempDir links;
  REQUIRE(::chmod(links.path().c_str(), 0755) == 0);
  for (const char* target : {"/", "/proc", "/proc/self/root", "/sys/kernel", "/run", "/dev/pts"}) {
    const std::string link = links.path() + "/link";
    REQUIRE(::symlink(target, link.c_str()) == 0);
    Plan plan = shellPlan("true");
    plan.mounts.push_back(BindPath{link, "/granted"});
    CHECK(contains(launchAndFail(launcher, plan, output.fds()).message, "no policy can grant it"));
    REQUIRE(::unlink(link.c_str()) == 0);
  }
}

TEST_CASE("an absent optional source is left out and noted") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  Plan plan = shellPlan("test ! -e /absent");
  plan.mounts.push_back(BindPath{.source = "/no/such/path", .target = "/absent", .optional = true});
  const Built built = launcher.start(plan, output.fds());
  REQUIRE(built.notes.size() == 1);
  CHECK(contains(built.notes[0].text, "/no/such/path"));
  CHECK(launcher.expect<Ended>().exit.code == 0);
}

TEST_CASE("masks hide secrets and hold what must stay readable") {
  LauncherProcess launcher;
  Workspace workspace;
  workspace.write(".env", "TOKEN");
  workspace.write("deep/down/.env.local", "TOKEN");
  workspace.write("deep/.envdir/file", "TOKEN");
  workspace.write(".git/config", "[core]\n");
  workspace.write(".git/hooks/sample", "");
  OutputFile output(workspace);
  launcher.send(Prepare{RunId::random()});  // A slot that waits keeps no place held.
  (void)launcher.expect<Prepared>();
  Plan plan = shellPlan(
      "cat .env deep/down/.env.local deep/.envdir/file; cat .git/config; echo x >> .git/config; echo x > "
      ".git/hooks/post;"
      "rm -rf .git/hooks; mv .git/hooks other; echo x > .mcp.json; test -e .mcp.json && echo taken; echo end");
  plan.mounts.push_back(MaskPath{"/workspace", "**/.env*", MaskKind::kEmpty, 256, "p:1"});
  for (const char* path : {"/workspace/.git/config", "/workspace/.git/hooks", "/workspace/.mcp.json"}) {
    plan.mounts.push_back(MaskPath{path, "", MaskKind::kReadOnly, 256, "p:2"});
  }
  (void)launcher.runToEnd(plan, output.fds());
  CHECK(!contains(output.text(), "TOKEN"));
  CHECK(contains(output.text(), "[core]"));
  CHECK(contains(output.text(), "end"));
  CHECK(readFile(workspace.path() + "/.git/config") == "[core]\n");
  CHECK(contains(output.text(), "taken"));
  CHECK(::access((workspace.path() + "/.mcp.json").c_str(), F_OK) != 0);
  CHECK(::access((workspace.path() + "/.git/hooks/sample").c_str(), F_OK) == 0);
  CHECK(::access((workspace.path() + "/.git/hooks/post").c_str(), F_OK) != 0);
}

TEST_CASE("a mask that would have to follow a symbolic link refuses the launch and names the rule") {
  LauncherProcess launcher;
  Workspace workspace;
  REQUIRE(::symlink("/etc", (workspace.path() + "/.git").c_str()) == 0);
  OutputFile output(workspace);
  Plan plan = shellPlan("true");
  plan.mounts.push_back(MaskPath{"/workspace/.git/hooks", "", MaskKind::kReadOnly, 256, "coding.toml:12"});
  const auto failed = launchAndFail(launcher, plan, output.fds());
  CHECK(contains(failed.message, "coding.toml:12"));
}

TEST_CASE("a launch that fails after it held a name lets go of it") {
  LauncherProcess launcher;
  Workspace workspace;
  REQUIRE(::symlink("/etc", (workspace.path() + "/.git").c_str()) == 0);
  OutputFile output(workspace);
  Plan plan = shellPlan("true");
  plan.mounts.push_back(MaskPath{"/workspace/absent", "", MaskKind::kReadOnly, 256, "p:1"});
  plan.mounts.push_back(MaskPath{"/workspace", "**/secret*", MaskKind::kEmpty, 3, "p:2"});  // The name is held by then.
  plan.mounts.push_back(MaskPath{"/workspace/.git/hooks", "", MaskKind::kReadOnly, 256, "p:3"});
  CHECK(contains(launchAndFail(launcher, plan, output.fds()).message, "p:3"));
  CHECK(::access((workspace.path() + "/absent").c_str(), F_OK) != 0);
}

TEST_CASE("globs that match too much are cut and noted") {
  LauncherProcess launcher;
  Workspace workspace;
  for (int i = 0; i < 5; ++i) workspace.write("secret" + std::to_string(i), "x");
  OutputFile output(workspace);
  Plan plan = shellPlan("true");
  plan.mounts.push_back(MaskPath{"/workspace", "**/secret*", MaskKind::kEmpty, 3, "p:1"});
  const Built built = launcher.start(plan, output.fds());
  REQUIRE(built.notes.size() == 1);
  CHECK(contains(built.notes[0].text, "3 matches"));
  (void)launcher.expect<Ended>();
}

TEST_CASE("what is not held in repositories below the workspace is noted: symbolic links, and too many absent names") {
  LauncherProcess launcher;
  Workspace workspace;
  for (int i = 0; i < 130; ++i) workspace.write("r" + std::to_string(i) + "/.git/HEAD", "x");
  for (const char* repository : {"r0", "r1"})
    REQUIRE(::symlink("/etc", (workspace.path() + "/" + repository + "/.git/config").c_str()) == 0);
  OutputFile output(workspace);
  Plan plan = shellPlan("for d in r*; do mkdir $d/.git/hooks && echo made; done 2> /dev/null");
  for (const char* glob : {"*/**/.git/hooks", "*/**/.git/config"})
    plan.mounts.push_back(MaskPath{"/workspace", glob, MaskKind::kReadOnly, 256, "p:1"});
  const Built built = launcher.start(plan, output.fds());
  REQUIRE(built.notes.size() == 2);
  CHECK(contains(built.notes[0].text, "not held, because there are too many: /workspace/r"));
  CHECK(contains(built.notes[1].text, "not held, because it is a symbolic link: /workspace/r"));
  CHECK(contains(built.notes[1].text, "/.git/config and 1 more (p:1)"));
  (void)launcher.expect<Ended>();
  CHECK(output.text() == "made\nmade\n");
  int left = 0;
  for (int i = 0; i < 130; ++i) {
    const std::string hooks = workspace.path() + "/r" + std::to_string(i) + "/.git/hooks";
    left += ::access(hooks.c_str(), F_OK) == 0 ? 1 : 0;
  }
  CHECK(left == 2);
}

TEST_CASE("inside there is nothing of the host: own hostname, pids, interfaces, proc") {
  LauncherProcess launcher;
  Workspace workspace;
  const auto [ended, text] =
      runScript(launcher, workspace,
                "uname -n; ls /proc | grep -c '^[0-9]'; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; "
                "cat /proc/keys 2>&1 | grep -c denied; echo 1 2>/dev/null > /proc/sysrq-trigger || echo refused; "
                "cat /proc/sys/vm/memfd_noexec 2>/dev/null || echo 1; "
                "for path in /root /home /var /sys /run /boot; do test -e $path && echo $path; done; true");
  CAPTURE(text);
  CHECK(contains(text, "fence\n"));
  CHECK(text.ends_with("lo\n1\nrefused\n1\n"));
}

TEST_CASE("captured output arrives in the ring, whole and ended") {
  LauncherProcess launcher;
  Workspace workspace;
  Plan plan = shellPlan("seq 1 50000; echo problem >&2");
  plan.stdio = Stdio::kCaptured;
  const Built built = launcher.start(plan, {workspace.fd(), workspace.fd()});
  auto fds = std::move(launcher.lastFds());
  REQUIRE(built.held == 0x1b);  // pidfd, report, ring, pipe
  REQUIRE(fds.size() == 4);
  auto reader = OutputRingReader::open(std::move(fds[2]));
  REQUIRE(reader);
  CHECK(launcher.expect<Ended>().exit.code == 0);
  std::string text;
  for (auto chunk = reader->read();; chunk = reader->read()) {
    text += chunk.bytes;
    if (chunk.ended) break;
  }
  CHECK(text.starts_with("1\n2\n"));
  CHECK(text.ends_with("50000\nproblem\n"));
}

TEST_CASE("a terminal run owns its terminal, and its output is drained while nobody is attached") {
  LauncherProcess launcher;
  Workspace workspace;
  Plan plan = shellPlan("tty; stty size; test -t 0 && echo yes > /dev/tty; read line; echo got $line");
  plan.stdio = Stdio::kTerminal;
  plan.terminalRows = 33;
  plan.terminalColumns = 77;
  const Built built = launcher.start(plan, {workspace.fd(), workspace.fd()});
  auto fds = std::move(launcher.lastFds());
  REQUIRE(built.held == 0xf);  // pidfd, report, terminal, ring
  REQUIRE(fds.size() == 4);
  launcher.send(SetDraining{plan.run, true});
  REQUIRE(::write(fds[2].get(), "word\n", 5) == 5);
  CHECK(launcher.expect<Ended>().exit.code == 0);
  auto reader = OutputRingReader::open(std::move(fds[3]));
  REQUIRE(reader);
  const std::string text = reader->read().bytes;
  CHECK(contains(text, "/dev/pts/0"));
  CHECK(contains(text, "33 77"));
  CHECK(contains(text, "yes"));
  CHECK(contains(text, "got word"));
}

TEST_CASE("a signal of a terminal run goes to its foreground group") {
  LauncherProcess launcher;
  Workspace workspace;
  Plan plan = shellPlan("trap 'exit 9' INT; echo ready; while :; do read line; done");
  plan.stdio = Stdio::kTerminal;
  (void)launcher.start(plan, {workspace.fd(), workspace.fd()});
  const UniqueFd master = std::move(launcher.lastFds()[2]);
  std::string seen;
  while (!contains(seen, "ready")) {
    char c = 0;
    if (::read(master.get(), &c, 1) == 1)
      seen += c;
    else
      ::usleep(500);
  }
  launcher.send(SignalRun{plan.run, SIGINT});
  CHECK(launcher.expect<Ended>().exit.code == 9);
}

TEST_CASE("whoever hears of the end finds no process of the run at work") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("i=0; while [ $i -lt 120 ]; do sleep 1000 & i=$((i+1)); done; exit 3");
  (void)launcher.start(plan, output.fds());
  const Event event = launcher.next();
  const auto processes = launcher.groups().processes(plan.run, plan.priority);
  const auto* ended = std::get_if<Ended>(&event.event);
  REQUIRE(ended != nullptr);
  CHECK(ended->exit.code == 3);
  CHECK((!processes || processes->size() <= 1));  // Pid 1 takes down the namespaces.
  CHECK(std::holds_alternative<Removed>(launcher.next().event));
}

TEST_CASE("a freeze that meets a run on its last step does not keep it for ever") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("kill -STOP $$; exit 3");
  const int pid = launcher.start(plan, output.fds()).initPid;
  (void)launcher.expect<CommandStopped>();
  REQUIRE(::ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
  REQUIRE(::ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, __WALL) == pid);
  launcher.send(SignalRun{plan.run, SIGCONT});
  const UniqueFd memory(::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  for (bool isLast = false; WIFSTOPPED(status);) {
    __ptrace_syscall_info call{};
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof call, &call) <= 0) break;  // It was killed meanwhile.
      if (isLast && call.op == PTRACE_SYSCALL_INFO_EXIT) break;
      if (call.op == PTRACE_SYSCALL_INFO_ENTRY && call.entry.nr == SYS_sendmsg)
        isLast = sentKind(memory.get(), call.entry.args[1]) == static_cast<std::uint32_t>(ReportKind::kExited);
    }
    const bool isDelivery = WSTOPSIG(status) != (SIGTRAP | 0x80) && status >> 16 == 0;
    REQUIRE(::ptrace(PTRACE_SYSCALL, pid, 0, isDelivery ? WSTOPSIG(status) : 0) == 0);
    REQUIRE(::waitpid(pid, &status, __WALL) == pid);
  }
  (void)launcher.groups().freeze(plan.run, plan.priority);
  if (::ptrace(PTRACE_DETACH, pid, 0, 0) != 0)  // It was killed meanwhile: its tracer lets it go.
    while (WIFSTOPPED(status) && ::waitpid(pid, &status, __WALL) == pid) {}
  Event event = launcher.next();
  if (std::holds_alternative<CommandContinued>(event.event)) event = launcher.next();
  const auto* ended = std::get_if<Ended>(&event.event);
  REQUIRE(ended != nullptr);
  CHECK(ended->exit.code == 3);
  (void)launcher.expect<Removed>();
}

TEST_CASE("memory over the limit ends the run and is told as such") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  Plan plan = shellPlan("exec tail /dev/zero");
  plan.limits.memory = mebibytes(24);
  const Ended ended = launcher.runToEnd(plan, output.fds());
  CHECK(ended.outOfMemory);
  CHECK(ended.exit.signal == SIGKILL);
}

TEST_CASE("a fork bomb is held by the pids limit") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  Plan plan = shellPlan("i=0; while [ $i -lt 60 ]; do sleep 100 & i=$((i+1)); done; exit 0");
  plan.limits.pids = 20;
  (void)launcher.runToEnd(plan, output.fds());
  CHECK(contains(output.text(), "fork"));
}

TEST_CASE("an abandoned launch leaves nothing and runs nothing") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("echo never");
  launcher.send(Launch{plan}, output.fds());
  (void)launcher.expect<Built>();
  launcher.send(Abandon{plan.run});
  CHECK(launcher.expect<LaunchFailed>().token == "abandoned");
  CHECK(output.text().empty());
  const auto left = launcher.groups().list();
  REQUIRE(left);
  CHECK(left->empty());
}

TEST_CASE("messages before a hello, and broken ones, end the connection and nothing else") {
  LauncherProcess launcher;
  Workspace workspace;
  launcher.sendRaw("nonsense");
  CHECK(launcher.isClosedByPeer());
  launcher.connect();
  CHECK(runScript(launcher, workspace, "exit 5").ended.exit.code == 5);
}
