// The link to a real daemon, from the thread of a window: what arrives, what is done, and that nothing ever waits.
#include "ui/shared/link.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <QAbstractEventDispatcher>
#include <QEventLoop>
#include <QSignalSpy>
#include <QTest>
#include <QTimer>

#include <catch2/catch_all.hpp>

#include "tests/support/deaf_stop.h"
#include "tests/support/listening_run.h"
#include "tests/support/test_daemon.h"
#include "tests/support/ui_wait.h"
#include "ui/shared/runs_model.h"
#include "ui/shared/stop_link.h"

using namespace ringfence;
using namespace ringfence::ui;
using ringfence::test::Heartbeat;
using ringfence::test::TestDaemon;
using ringfence::test::until;
using namespace std::chrono_literals;

namespace {

using Acted = client::Answer<client::Client::Acted>;

struct World {
  TestDaemon daemon;
  std::optional<Link> link;
  RunsModel runs;

  World() {
    qputenv("RINGFENCE_SOCKET", daemon.socket().c_str());
    link.emplace();
    QObject::connect(&*link, &Link::snapshotArrived, &runs, &RunsModel::show);
  }
  std::string start(const std::string& name) {
    client::Client client = daemon.connect();
    auto request = daemon.request({"/bin/sleep", "600"});
    request.name = name;
    auto accepted = client.run(request);
    REQUIRE(std::holds_alternative<client::RunAccepted>(accepted));
    return std::get<client::RunAccepted>(accepted).run;
  }
  void act(client::Client::Verb verb, const std::string& run, std::function<void(const Acted&)> answered = {}) {
    link->ask<client::Client::Acted>(
        &runs, [verb, run](client::Client& client) { return client.act(verb, run); },
        [answered](const Acted& answer) {
          if (answered) answered(answer);
        });
  }
};

// What this process has sent to that socket and nobody has taken there.
int unreadBytes(const std::string& path) {
  int sum = 0;
  for (int fd = 0; fd < 256; ++fd) {
    sockaddr_un peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sun_family != AF_UNIX) continue;
    int bytes = 0;
    if (path == peer.sun_path && ::ioctl(fd, TIOCOUTQ, &bytes) == 0) sum += bytes;
  }
  return sum;
}

}  // namespace

TEST_CASE("what runs arrives, and a run that is held is held for the kernel too") {
  World world;
  const std::string run = world.start("quiet one");
  world.link->watchRuns(Link::Watch::kYes);
  REQUIRE(until([&] { return world.runs.indexOf(run) >= 0; }));
  CHECK(world.runs.row(world.runs.indexOf(run)).name == "quiet one");
  CHECK_FALSE(test::isFrozen(world.daemon, run));

  std::optional<bool> done;
  world.act(client::Client::Verb::kFreeze, run, [&](const Acted& answer) { done = answer.index() == 0; });
  REQUIRE(until([&] { return done.has_value(); }));
  CHECK(*done);
  CHECK(until([&] { return test::isFrozen(world.daemon, run); }));  // Written is not yet frozen.
  CHECK(until([&] { return world.runs.row(world.runs.indexOf(run)).state == "frozen"; }));

  world.act(client::Client::Verb::kResume, run);
  CHECK(until([&] { return !test::isFrozen(world.daemon, run); }));
}

TEST_CASE("a pause that waits for its agent holds up no other order, and is hurried or taken back over the same link") {
  using Verb = client::Client::Verb;
  World world;
  const std::string patient = test::startListening(world.daemon, "patient"), other = world.start("other");
  REQUIRE_FALSE(patient.empty());
  world.link->watchRuns(Link::Watch::kYes);
  const auto rowOf = [&](const std::string& run) {
    const int index = world.runs.indexOf(run);
    return index < 0 ? nullptr : &world.runs.row(index);
  };
  REQUIRE(until([&] { return rowOf(patient) != nullptr && rowOf(other) != nullptr; }));

  std::optional<client::Client::Acted> asked;
  const auto hear = [&](const Acted& answer) {
    if (const auto* acted = std::get_if<client::Client::Acted>(&answer)) asked = *acted;
  };
  world.act(Verb::kFreeze, patient, hear);
  REQUIRE(until([&] { return asked.has_value(); }));
  CHECK(asked->pausing == std::vector<std::string>{patient});
  CHECK(until([&] { return rowOf(patient)->pausing.has_value(); }));
  world.act(Verb::kFreeze, other);
  CHECK(until([&] { return test::isFrozen(world.daemon, other); }));
  world.act(Verb::kKill, other);
  CHECK(world.daemon.reaches(other, "ended"));
  CHECK_FALSE(test::isFrozen(world.daemon, patient));

  world.act(Verb::kResume, patient);
  CHECK(until([&] { return !rowOf(patient)->pausing; }));
  CHECK(rowOf(patient)->state == "running");
  world.act(Verb::kFreeze, patient);
  world.act(Verb::kFreezeAtOnce, patient);
  CHECK(until([&] { return test::isFrozen(world.daemon, patient); }));
}

TEST_CASE("who watches what runs sleeps from one snapshot to the next") {
  World world;
  world.link->watchRuns(Link::Watch::kYes);
  REQUIRE(until([&] { return world.runs.isKnown(); }));
  int snapshots = 0, wakes = 0;
  QEventLoop loop;
  QObject::connect(&*world.link, &Link::snapshotArrived, &loop, [&] {
    if (++snapshots == 3) loop.quit();
  });
  QObject::connect(QAbstractEventDispatcher::instance(), &QAbstractEventDispatcher::awake, &loop, [&] { ++wakes; });
  QTimer::singleShot(30s, &loop, &QEventLoop::quit);
  loop.exec();
  CHECK(snapshots == 3);
  CHECK(wakes < 200);  // a timer that never waits: a hundred thousand
}

TEST_CASE("a daemon that hangs holds up nothing, is told as trouble, and what was asked for too long ago is not done") {
  World world;
  const std::string run = world.start("held up");
  world.link->watchRuns(Link::Watch::kYes);
  REQUIRE(until([&] { return world.runs.isKnown(); }));
  const QSignalSpy waiting(&*world.link, &Link::waitingChanged);
  REQUIRE(::kill(world.daemon.pid(), SIGSTOP) == 0);

  Heartbeat heartbeat;
  world.act(client::Client::Verb::kFreeze, run);
  std::optional<Acted> second;
  world.act(client::Client::Verb::kKill, run, [&](const Acted& answer) { second = answer; });
  CHECK(until([&] { return waiting.count() == 1; }));
  CHECK(waiting.at(0).at(0).toBool());
  CHECK(until([&] { return !world.link->trouble().isEmpty(); }));
  CHECK(world.link->trouble().contains("does not answer"));
  REQUIRE(until([&] { return second.has_value(); }));
  CHECK(std::get<client::Failure>(*second).error.code == ErrorCode::kBusy);
  INFO("the longest gap was " << heartbeat.longest().count() << " ms");
  CHECK(heartbeat.longest() <= 100ms);

  REQUIRE(::kill(world.daemon.pid(), SIGCONT) == 0);
  CHECK(until([&] { return world.link->trouble().isEmpty(); }));
  CHECK(until([&] { return !waiting.last().at(0).toBool(); }));
  CHECK(until([&] { return test::isFrozen(world.daemon, run); }));  // The first one was on its way.
  CHECK(world.daemon.reaches(run, "frozen"));                       // Nobody killed it.
}

TEST_CASE("a daemon that was restarted is found again, with the run, its questions and the log where it was") {
  World world;
  const std::string run = world.start("survivor");
  std::vector<std::uint64_t> seqs;
  QObject::connect(&*world.link, &Link::linesArrived, &world.runs, [&](const LogLines& told) {
    for (const client::LogLine& line : told.lines) seqs.push_back(line.seq);
  });
  int fresh = 0;
  QObject::connect(&*world.link, &Link::questionsChanged, &world.runs,
                   [&](const auto&, bool isFresh) { fresh += isFresh ? 1 : 0; });
  world.link->watchRuns(Link::Watch::kYes);
  world.link->watchQuestions(Link::Watch::kYes);
  world.link->watchLog(Link::Watch::kYes);
  REQUIRE(until([&] { return world.runs.indexOf(run) >= 0 && !seqs.empty() && fresh == 1; }));

  world.daemon.killDaemon();
  REQUIRE(until([&] { return !world.link->trouble().isEmpty(); }));
  CHECK(world.link->trouble().contains("cannot be reached"));
  const std::size_t known = seqs.size();
  REQUIRE(world.daemon.start());
  REQUIRE(until([&] { return world.link->trouble().isEmpty() && fresh == 2; }));
  REQUIRE(until([&] { return seqs.size() > known; }));
  CHECK(std::ranges::is_sorted(seqs));
  CHECK(std::ranges::adjacent_find(seqs) == seqs.end());
  CHECK(until([&] { return world.runs.indexOf(run) >= 0; }));
}

TEST_CASE("what nobody watches is not asked for") {
  World world;
  QSignalSpy snapshots(&*world.link, &Link::snapshotArrived);
  world.link->watchRuns(Link::Watch::kYes);
  REQUIRE(until([&] { return snapshots.count() > 0; }));
  world.link->watchRuns(Link::Watch::kNo);
  REQUIRE(until([&] { return unreadBytes(world.daemon.socket()) == 0; }));
  QTest::qWait(200);                                  // One that was under way may still arrive.
  REQUIRE(::kill(world.daemon.pid(), SIGSTOP) == 0);  // From now on a request would lie in its socket.
  snapshots.clear();
  QTest::qWait(1500);  // That nothing happens shows only with time.
  CHECK(snapshots.count() == 0);
  CHECK(unreadBytes(world.daemon.socket()) == 0);
  world.link->watchRuns(Link::Watch::kYes);
  CHECK(until([&] { return unreadBytes(world.daemon.socket()) > 0; }));
  REQUIRE(::kill(world.daemon.pid(), SIGCONT) == 0);
}

TEST_CASE("a link that goes away while the daemon hangs waits for nobody, and nobody hears the answer") {
  World world;
  const std::string run = world.start("left behind");
  bool heard = false;
  REQUIRE(::kill(world.daemon.pid(), SIGSTOP) == 0);
  world.act(client::Client::Verb::kFreeze, run, [&](const Acted&) { heard = true; });
  QTest::qWait(50);
  const auto before = std::chrono::steady_clock::now();
  world.link.reset();
  CHECK(std::chrono::steady_clock::now() - before < 1s);
  REQUIRE(::kill(world.daemon.pid(), SIGCONT) == 0);
  CHECK(world.daemon.reaches(run, "frozen"));
  QTest::qWait(50);
  CHECK_FALSE(heard);
}

TEST_CASE("the emergency stop works while the daemon hangs, and says what it did") {
  World world;
  const std::string run = world.start("stopped");
  REQUIRE(::kill(world.daemon.pid(), SIGSTOP) == 0);
  StopLink stop;
  QSignalSpy receipts(&stop, &StopLink::receiptArrived);
  QSignalSpy failures(&stop, &StopLink::failed);
  stop.stopAll("panel");
  REQUIRE(until([&] { return receipts.count() + failures.count() > 0; }));
  REQUIRE(receipts.count() == 1);
  CHECK(receipts.at(0).at(0).toByteArray().contains("\"verified\":true"));
  CHECK(test::isFrozen(world.daemon, run));
  REQUIRE(::kill(world.daemon.pid(), SIGCONT) == 0);
}

TEST_CASE("a stop that was taken and not answered, or answered with what is no receipt, is told as not known") {
  for (const std::string answer : {"", "{", "{}"}) {
    INFO(answer);
    test::DeafStop deaf(answer);
    StopLink stop;
    QSignalSpy receipts(&stop, &StopLink::receiptArrived), failures(&stop, &StopLink::failed);
    QSignalSpy unknown(&stop, &StopLink::uncertain);
    stop.stopAll("panel");
    REQUIRE(until([&] { return receipts.count() + failures.count() + unknown.count() > 0; }));
    CHECK(unknown.count() == 1);
    CHECK(deaf.requests() == std::vector<std::string>{"stop panel"});  // A second one would kill.
  }
}

TEST_CASE("a stop that nobody took is told as one that stopped nothing") {
  test::TempDir directory;
  qputenv("RINGFENCE_SOCKET", QByteArray::fromStdString(directory.path() + "/control.sock"));
  StopLink stop;
  QSignalSpy failures(&stop, &StopLink::failed);
  stop.stopAll("panel");
  CHECK(until([&] { return failures.count() == 1; }));
}
