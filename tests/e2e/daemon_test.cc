// A real ringfenced and a real ringfence-launcher: what a person, a crash and a hostile user do to them.
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include <catch2/catch_all.hpp>

#include "tests/support/test_daemon.h"

using namespace ringfence;
using ringfence::test::eventually;
using ringfence::test::TestDaemon;

namespace {

template <typename T>
T must(client::Answer<T> answer, const TestDaemon& daemon) {
  if (auto* failure = std::get_if<client::Failure>(&answer)) FAIL(failure->error.message << "\n" << daemon.log());
  return std::move(std::get<T>(answer));
}

template <typename T>
client::Refusal refusalOf(const client::Answer<T>& answer) {
  const auto* failure = std::get_if<client::Failure>(&answer);
  if (failure == nullptr || !failure->refusal) return {};
  return *failure->refusal;
}

std::vector<client::LogLine> logOf(const TestDaemon& daemon) {
  client::Client client = daemon.connect();
  (void)must(client.beginLog("", 0, false), daemon);
  std::vector<client::LogLine> lines;
  while (auto line = must(client.nextLogLine(), daemon)) lines.push_back(*line);
  return lines;
}

bool logHas(const TestDaemon& daemon, const std::string& kind, const std::string& run) {
  for (const client::LogLine& line : logOf(daemon)) {
    if (line.kind == kind && line.run == run) return true;
  }
  return false;
}

void requireClean(TestDaemon& daemon) {
  daemon.shutDown();
  const auto left = daemon.leftovers();
  INFO((left.empty() ? "" : left.front()) << "\n" << daemon.log());
  CHECK(left.empty());
}

// Runs `body` in a child of that uid; its exit status.
template <typename Body>
int asUser(uid_t uid, Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(uid) != 0 || ::setuid(uid) != 0) ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  (void)::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

UniqueFd dial(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket.reset();
  return socket;
}

}  // namespace

TEST_CASE("a command runs, its status comes back, and nothing is left") {
  TestDaemon daemon;
  client::Client client = daemon.connect();
  const auto accepted = must(client.run(daemon.foregroundRequest({"/bin/sh", "-c", "exit 7"})), daemon);
  CHECK(accepted.pid > 0);
  CHECK(TestDaemon::waitForEnd(client).code == 7);
  const auto shown = must(client.show(accepted.run), daemon);
  CHECK(shown.state == "ended");
  CHECK(shown.usage.cpuUsec.has_value());
  CHECK(shown.walls.size() == 10);
  for (const client::WallReading& wall : shown.walls) {
    INFO(wall.wall << ": wanted " << wall.wanted << ", got " << wall.got);
    CHECK(wall.up);
  }
  requireClean(daemon);
}

TEST_CASE("a program that does not exist ends with 127 and a token") {
  TestDaemon daemon;
  client::Client client = daemon.connect();
  const auto refused = refusalOf(client.run(daemon.foregroundRequest({"/usr/bin/no-such-program"})));
  INFO(refused.message);
  CHECK(refused.exitCode == 127);
  CHECK_FALSE(refused.token.empty());
}

TEST_CASE("output of a detached run is kept for its owner, also after its end") {
  TestDaemon daemon;
  client::Client client = daemon.connect();
  const auto accepted = must(client.run(daemon.request({"/bin/echo", "hello from inside"})), daemon);
  REQUIRE(daemon.reaches(accepted.run, "ended"));
  const UniqueFd ring = must(client.outputRing(accepted.run), daemon);
  CHECK(ring.get() >= 0);
}

TEST_CASE("a run is frozen, resumed, stopped and killed by its owner, and by nobody else") {
  TestDaemon daemon;
  client::Client client = daemon.connect();
  const auto run = must(client.run(daemon.request({"/bin/sleep", "1000"})), daemon).run;
  using Verb = client::Client::Verb;
  const int stranger = asUser(65534, [&] {
    auto other = client::Client::connectTo(daemon.socket());
    if (!other) return 2;
    auto listed = other->list(true);
    const auto* runs = std::get_if<std::vector<client::RunDetails>>(&listed);
    if (runs == nullptr || !runs->empty()) return 3;
    return refusalOf(other->act(Verb::kKill, run)).code == "not-found" ? 0 : 4;
  });
  CHECK(stranger == 0);
  CHECK(must(client.act(Verb::kFreeze, run), daemon).runs.size() == 1);
  CHECK(must(client.show(run), daemon).state == "frozen");
  CHECK(must(client.act(Verb::kResume, run), daemon).runs.size() == 1);
  CHECK(daemon.reaches(run, "running"));
  CHECK(must(client.act(Verb::kStop, run), daemon).runs.size() == 1);
  CHECK(daemon.reaches(run, "ended"));
  CHECK(must(client.show(run), daemon).exit->signal == SIGTERM);
  requireClean(daemon);
}

TEST_CASE("after kill -9 of the daemon the next one adopts every run, and no exit status is lost") {
  TestDaemon daemon;
  std::string longRun, shortRun;
  {
    client::Client client = daemon.connect();
    longRun = must(client.run(daemon.request({"/bin/sleep", "1000"})), daemon).run;
    shortRun =
        must(client.run(daemon.request({"/bin/sh", "-c", "while [ ! -e go ]; do sleep 0.05; done; exit 9"})), daemon)
            .run;
  }
  const pid_t launcher = daemon.launcherPid();
  daemon.killDaemon();
  std::ofstream(daemon.workspace() + "/go") << "now";
  REQUIRE(daemon.start());
  CHECK(daemon.launcherPid() == launcher);
  REQUIRE(daemon.reaches(shortRun, "ended"));
  client::Client client = daemon.connect();
  CHECK(must(client.show(shortRun), daemon).exit->code == 9);
  CHECK(must(client.show(longRun), daemon).state == "running");
  CHECK(eventually([&] { return logHas(daemon, "run-adopted", longRun); }));
  CHECK(must(client.act(client::Client::Verb::kKill, longRun), daemon).runs.size() == 1);
  CHECK(daemon.reaches(longRun, "ended"));
  requireClean(daemon);
}

TEST_CASE("after kill -9 of the launcher its runs are handed to the next one, and no exit status is lost") {
  TestDaemon daemon;
  client::Client client = daemon.connect();
  const auto run =
      must(client.run(daemon.request({"/bin/sh", "-c", "while [ ! -e go ]; do sleep 0.05; done; exit 11"})), daemon)
          .run;
  const pid_t old = daemon.killLauncher();
  REQUIRE(old > 0);
  REQUIRE(eventually(
      [&] { return daemon.launcherPid() > 0 && daemon.launcherPid() != old && logHas(daemon, "run-adopted", run); }));
  CHECK(must(client.show(run), daemon).state == "running");
  std::ofstream(daemon.workspace() + "/go") << "now";
  REQUIRE(daemon.reaches(run, "ended"));
  CHECK(must(client.show(run), daemon).exit->code == 11);
  // And the new one launches.
  client::Client other = daemon.connect();
  (void)must(other.run(daemon.foregroundRequest({"/bin/true"})), daemon);
  CHECK(TestDaemon::waitForEnd(other).code == 0);
  requireClean(daemon);
}

TEST_CASE("when daemon and launcher are both killed, the next start ends the runs and says so") {
  TestDaemon daemon;
  std::string run;
  {
    client::Client client = daemon.connect();
    run = must(client.run(daemon.request({"/bin/sleep", "1000"})), daemon).run;
  }
  daemon.killDaemon();
  REQUIRE(daemon.killLauncher() > 0);
  REQUIRE(daemon.start());
  REQUIRE(daemon.reaches(run, "ended"));
  CHECK(eventually([&] { return logHas(daemon, "difference-found", run); }));
  client::Client client = daemon.connect();
  CHECK_FALSE(must(client.show(run), daemon).exit->code.has_value());
  // The launcher, by whom it forks, and children with stems that were forked ahead.
  CHECK(eventually([&] { return daemon.processes().size() <= 6; }));
  requireClean(daemon);
}

TEST_CASE("SIGTERM leaves agents running, facts on disk, and status 0; the log verifies") {
  TestDaemon daemon;
  std::string run;
  {
    client::Client client = daemon.connect();
    run = must(client.run(daemon.request({"/bin/sleep", "1000"})), daemon).run;
  }
  CHECK(daemon.stop() == 0);
  REQUIRE(daemon.start());
  client::Client client = daemon.connect();
  CHECK(must(client.show(run), daemon).state == "running");
  const auto verified = must(client.verify(""), daemon);
  INFO(verified.detail);
  CHECK(verified.ok);
  CHECK(verified.facts > 0);
  requireClean(daemon);
}

TEST_CASE("the option --kill-on-exit ends every run with the daemon") {
  TestDaemon daemon({.policyDirs = {}, .arguments = {"--kill-on-exit"}, .stateDir = {}});
  {
    client::Client client = daemon.connect();
    (void)must(client.run(daemon.request({"/bin/sleep", "1000"})), daemon);
  }
  CHECK(daemon.stop() == 0);
  CHECK(eventually([&] { return daemon.processes().empty(); }));
  requireClean(daemon);
}

TEST_CASE("two daemons run side by side, and two on one state directory do not") {
  TestDaemon first, second;
  client::Client ofFirst = first.connect();
  client::Client ofSecond = second.connect();
  const auto run = must(ofFirst.run(first.request({"/bin/sleep", "1000"})), first).run;
  CHECK(must(ofSecond.list(true), second).empty());
  CHECK(refusalOf(ofSecond.show(run)).code == "not-found");
  TestDaemon third({.policyDirs = {}, .arguments = {}, .stateDir = first.stateDir()});
  CHECK(third.pid() == 0);
  CHECK(third.log().find("in use by another ringfenced") != std::string::npos);
  requireClean(first);
  requireClean(second);
}

TEST_CASE("a thousand connections of one user, silent or sending garbage, disturb nobody else") {
  TestDaemon daemon;
  int ready[2], done[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(done) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit many{4096, 4096};
    (void)::setrlimit(RLIMIT_NOFILE, &many);
    if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(99);
    std::vector<UniqueFd> held;
    for (int i = 0; i < 1000; ++i) {
      held.push_back(dial(daemon.socket()));
      if (i % 2 == 0 && held.back()) (void)::send(held.back().get(), "\x07garbage", 8, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    char byte = 'r';
    if (::write(ready[1], &byte, 1) != 1 || ::read(done[0], &byte, 1) != 1) ::_exit(98);
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  client::Client client = daemon.connect();
  (void)must(client.run(daemon.foregroundRequest({"/bin/true"})), daemon);
  CHECK(TestDaemon::waitForEnd(client).code == 0);
  REQUIRE(::write(done[1], &byte, 1) == 1);
  int status = 0;
  (void)::waitpid(child, &status, 0);
  CHECK(status == 0);
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) (void)::close(fd);
  // They are gone, and that user is served again.
  CHECK(eventually(
      [&] { return asUser(65534, [&] { return client::Client::connectTo(daemon.socket()) ? 0 : 1; }) == 0; }));
  requireClean(daemon);
}

TEST_CASE("a full disk refuses launches by name, holds and ends runs at once, and is got over") {
  const test::TempDir disk;
  const std::string state = disk.makeDirectory("state");
  REQUIRE(::mount("tmpfs", state.c_str(), "tmpfs", 0, "size=4m,mode=0700") == 0);
  struct Unmount {
    std::string path;
    ~Unmount() { (void)::umount2(path.c_str(), MNT_DETACH); }
  } unmount{state};
  TestDaemon daemon({.policyDirs = {}, .arguments = {}, .stateDir = state});
  client::Client client = daemon.connect();
  const auto run = must(client.run(daemon.request({"/bin/sleep", "1000"})), daemon).run;
  {
    std::ofstream filler(state + "/filler", std::ios::binary);
    const std::string block(65536, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {}
  }
  // The log's own file may still have room for some facts.
  client::Refusal refused;
  CHECK(eventually([&] {
    client::Client other = daemon.connect();
    refused = refusalOf(other.run(daemon.request({"/bin/true"})));
    return refused.token == "log";
  }));
  CHECK(refused.message.find("log cannot be written") != std::string::npos);
  using Verb = client::Client::Verb;
  CHECK(must(client.act(Verb::kFreeze, run), daemon).runs.size() == 1);
  CHECK(must(client.act(Verb::kKill, run), daemon).runs.size() == 1);
  CHECK(daemon.reaches(run, "ended"));
  REQUIRE(::unlink((state + "/filler").c_str()) == 0);
  CHECK(eventually([&] { return logHas(daemon, "run-ended", run); }));
  client::Client again = daemon.connect();
  CHECK(eventually([&] { return refusalOf(again.run(daemon.request({"/bin/true"}))).token.empty(); }));
  requireClean(daemon);
}

TEST_CASE("a broken policy directory is said at start, refuses what it breaks, and is got over by SIGHUP") {
  const test::TempDir policies;
  policies.write("coding.toml", "schema = 1\nname = \"coding\"\nworkspce = \"rw\"\n");
  TestDaemon daemon({.policyDirs = {policies.path()}, .arguments = {}, .stateDir = {}});
  CHECK(daemon.log().find("workspce") != std::string::npos);
  client::Client client = daemon.connect();
  const auto refused = refusalOf(client.run(daemon.request({"/bin/true"})));
  CHECK(refused.exitCode == 6);
  CHECK(refused.json.find("workspce") != std::string::npos);
  policies.write("coding.toml",
                 "schema = 1\nname = \"coding\"\n[files]\nworkspace = \"rw\"\nread = [\"/usr\", \"/bin\", \"/lib\", "
                 "\"/lib64\"]\n");
  REQUIRE(::kill(daemon.pid(), SIGHUP) == 0);
  CHECK(eventually([&] { return refusalOf(client.run(daemon.request({"/bin/true"}))).token.empty(); }));
  requireClean(daemon);
}

TEST_CASE("a process inside a run's control group is refused, whatever socket it got hold of") {
  TestDaemon daemon;
  client::Client client = daemon.connect();
  const auto run = must(client.run(daemon.request({"/bin/sleep", "1000"})), daemon).run;
  std::string procs;
  for (const std::string& group : daemon.groups()) {
    const std::string agent = group + "/" + run + "/agent";
    if (::access((agent + "/cgroup.kill").c_str(), F_OK) == 0) procs = agent + "/cgroup.procs";
  }
  REQUIRE_FALSE(procs.empty());
  const int told = asUser(0, [&] {
    std::ofstream(procs) << "0" << std::flush;
    auto refused = client::Client::connectTo(daemon.socket());
    return !refused && refused.error().code == ErrorCode::kDenied ? 0 : 1;
  });
  CHECK(told == 0);
  requireClean(daemon);
}

TEST_CASE("a directory, a bare path or a terminal is not handed over as a standard descriptor") {
  TestDaemon daemon;
  const UniqueFd directory(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd path(::open("/etc/passwd", O_PATH | O_CLOEXEC));
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE((directory && path && terminal));
  for (const int fd : {directory.get(), path.get(), terminal.get()}) {
    client::Client client = daemon.connect();
    client::RunRequest request = daemon.foregroundRequest({"/bin/true"});
    request.stdioFds[0] = fd;
    const auto refused = refusalOf(client.run(request));
    INFO(refused.message);
    CHECK(refused.exitCode == 125);
    CHECK(refused.token == "stdio");
  }
}

TEST_CASE("a dry run shows the plan and starts nothing") {
  TestDaemon daemon;
  client::Client client = daemon.connect();
  const auto plan = must(client.dryRun(daemon.request({"/bin/true"})), daemon);
  CHECK(plan.json.find("\"enforced\"") != std::string::npos);
  CHECK_FALSE(plan.text.empty());
  CHECK(must(client.list(true), daemon).empty());
}

TEST_CASE("the doctor answers over the socket what contracts promise") {
  TestDaemon daemon;
  client::Client client = daemon.connect();
  const auto report = must(client.doctor(), daemon);
  for (const char* key : {"\"kernel\"", "\"landlock_abi\"", "\"cgroup\"", "\"layout\"", "\"seccomp\"", "\"checks\""}) {
    CHECK(report.json.find(key) != std::string::npos);
  }
}
