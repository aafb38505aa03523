// The panel's window before a real daemon: clicks and keys, and what the kernel says afterwards.
#include "ui/panel/main_window.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <QSignalSpy>
#include <algorithm>

#include "sdk/client/stop_client.h"
#include "tests/support/deaf_stop.h"
#include "tests/support/listening_run.h"
#include "tests/ui/panel/panel_world.h"
#include "ui/panel/bar.h"
#include "ui/panel/card_list.h"
#include "ui/panel/hold_button.h"
#include "ui/panel/run_card.h"

using namespace ringfence;
using namespace ringfence::ui;
using ringfence::test::Heartbeat;
using ringfence::test::isFrozen;
using ringfence::test::PanelWorld;
using ringfence::test::until;
using namespace std::chrono_literals;

namespace {

bool isLatched() {
  const auto status = client::askStop("status", 10s);
  REQUIRE(status);
  return status->find("\"latched\":true") != std::string::npos;
}

// Holds the left button on it until it means it.
void hold(HoldButton* button) {
  QSignalSpy meant(button, &HoldButton::meant);
  QTest::mousePress(button, Qt::LeftButton);
  CHECK(until([&] { return meant.count() > 0; }));
  QTest::mouseRelease(button, Qt::LeftButton);
}

// A moment of so many runs, as the daemon would tell it.
Snapshot momentOf(int count, std::chrono::microseconds at) {
  auto reading = std::make_shared<top::Reading>();
  reading->at = at;
  reading->questions.emplace();
  for (int i = 0; i < count; ++i) {
    client::RunDetails run;
    run.id = "run" + std::to_string(i);
    run.name = "agent " + std::to_string(i);
    run.state = "running";
    run.command = {"/usr/bin/agent", std::to_string(i)};
    client::UsageRow row{run.id, run.name, run.state, {}};
    row.usage.cpuUsec = static_cast<std::uint64_t>(at.count()) * static_cast<std::uint64_t>(i % 7) / 7;
    row.usage.memoryBytes = 1'000'000u * static_cast<unsigned>(i + 1);
    reading->usage.rows.push_back(row);
    reading->runs.push_back(std::move(run));
  }
  return reading;
}

}  // namespace

TEST_CASE("Pause on a card freezes the run, Resume lets it go on, Stop ends it") {
  PanelWorld world;
  const std::string run = world.start("webapp");
  world.click("Pause webapp");
  CHECK(until([&] { return isFrozen(world.daemon, run); }));
  CHECK(until([&] { return world.shows("webapp is paused."); }));
  world.click("Resume webapp");
  CHECK(until([&] { return !isFrozen(world.daemon, run); }));
  world.click("Ask webapp to end");
  CHECK(world.daemon.reaches(run, "ended"));
}

TEST_CASE(
    "a card says that its run is being paused and for how long, and offers to pause it at once or to let it go on") {
  PanelWorld world;
  const std::string run = startListening(world.daemon, "webapp");
  REQUIRE_FALSE(run.empty());
  world.click("Pause webapp");
  CHECK(until([&] { return world.shows("webapp is paused as soon as it has finished something."); }));
  CHECK(until([&] {
    return std::ranges::any_of(world.window->findChildren<RunCard*>(), [](const RunCard* card) {
      return card->isVisible() &&
             card->spoken().contains("You pause it: it finishes something first, for 10 min at the longest");
    });
  }));
  CHECK_FALSE(isFrozen(world.daemon, run));
  world.click("Let webapp go on");
  REQUIRE(until([&] { return world.button("Pause webapp") != nullptr; }));
  CHECK(world.button("Let webapp go on") == nullptr);
  CHECK(world.daemon.reaches(run, "running"));
  world.click("Pause webapp");
  world.click("Pause webapp at once");
  CHECK(until([&] { return isFrozen(world.daemon, run); }));
  CHECK(until([&] { return world.button("Resume webapp") != nullptr; }));
}

TEST_CASE("one press on STOP freezes everything and latches, and re-arming is a deliberate act that resumes nobody") {
  PanelWorld world;
  const std::string run = world.start("webapp");
  REQUIRE(until([&] { return world.button("Pause webapp") != nullptr; }));
  CHECK_FALSE(isLatched());
  world.click("Emergency stop");
  CHECK(until([&] { return isFrozen(world.daemon, run); }));
  CHECK(isLatched());
  CHECK(until([&] { return world.shows("Everything is frozen"); }));
  CHECK(until([&] { return world.shows("nobody in any fence runs"); }));
  REQUIRE(until([&] { return world.button("Resume webapp") != nullptr; }));
  CHECK_FALSE(world.button("Resume webapp")->isEnabled());

  world.click("Re-arm");  // A press alone is not meant.
  QTest::qWait(200);
  CHECK(isLatched());
  hold(qobject_cast<HoldButton*>(world.button("Re-arm")));
  CHECK(until([&] { return !isLatched(); }));
  CHECK(world.daemon.reaches(run, "frozen"));
  CHECK(isFrozen(world.daemon, run));
  world.click("Resume webapp");
  CHECK(until([&] { return !isFrozen(world.daemon, run); }));
}

TEST_CASE("with a daemon that hangs the window answers at once, says so, and STOP works") {
  PanelWorld world;
  const std::string run = world.start("webapp");
  REQUIRE(until([&] { return world.button("Pause webapp") != nullptr; }));
  REQUIRE(::kill(world.daemon.pid(), SIGSTOP) == 0);
  Heartbeat heartbeat;
  world.click("Pause webapp");
  CHECK(until([&] { return world.shows("does not answer"); }));
  world.click("Emergency stop");
  CHECK(until([&] { return world.shows("Everything is frozen"); }));
  INFO("the longest gap was " << heartbeat.longest().count() << " ms");
  CHECK(heartbeat.longest() <= 100ms);
  CHECK(isFrozen(world.daemon, run));
  CHECK(isLatched());
  REQUIRE(::kill(world.daemon.pid(), SIGCONT) == 0);
}

TEST_CASE("a stop whose outcome is not known is not called one that was not carried out") {
  PanelWorld world;
  const std::string run = world.start("webapp");
  world.click("Pause webapp");  // From now on the link to the daemon stands.
  world.click("Resume webapp");
  REQUIRE(until([&] { return world.button("Pause webapp") != nullptr; }));
  ringfence::test::DeafStop deaf("");
  world.click("Emergency stop");
  CHECK(until([&] { return world.shows("It is not known whether everything was stopped"); }));
  CHECK(until([&] { return world.shows("The daemon paused 1 agent") && isFrozen(world.daemon, run); }));
  CHECK_FALSE(world.shows("was not carried out"));
  CHECK(std::ranges::count(deaf.requests(), "stop panel") == 1);
}

TEST_CASE("while nobody could stop everything the bar says so, and no longer when somebody can") {
  PanelWorld world;
  const auto isAlarmShown = [&] { return world.shows("The emergency stop is not ready"); };
  REQUIRE(until([&] { return world.daemon.stopPid() != 0 && world.button("Emergency stop") != nullptr; }));
  CHECK_FALSE(isAlarmShown());
  // Another one would be started at once: a directory lies where it would listen.
  const std::string socket = world.daemon.runDir() + "/stop.sock";
  REQUIRE(until([&] {
    if (const pid_t pid = world.daemon.stopPid(); pid != 0) ::kill(pid, SIGKILL);
    ::unlink(socket.c_str());
    return ::mkdir(socket.c_str(), 0700) == 0;
  }));
  CHECK(until(isAlarmShown));
  REQUIRE(::rmdir(socket.c_str()) == 0);
  CHECK(until([&] { return !isAlarmShown(); }));
}

TEST_CASE("a double click on STOP is one stop, not the second one that kills") {
  PanelWorld world;
  const std::string run = world.start("webapp");
  REQUIRE(until([&] { return world.button("Pause webapp") != nullptr; }));
  auto* stop = world.button("Emergency stop");
  REQUIRE(stop != nullptr);
  QTest::mouseClick(stop, Qt::LeftButton);
  QTest::mouseClick(stop, Qt::LeftButton);
  CHECK(until([&] { return world.shows("Everything is frozen"); }));
  CHECK(world.daemon.reaches(run, "frozen"));
}

TEST_CASE("a window that nobody sees watches nothing") {
  PanelWorld world;
  QSignalSpy snapshots(&*world.link, &Link::snapshotArrived);
  REQUIRE(until([&] { return snapshots.count() > 0; }));
  world.window->hide();
  QTest::qWait(200);  // One that was under way may still arrive.
  snapshots.clear();
  QTest::qWait(1200);  // That nothing happens shows only with time.
  CHECK(snapshots.count() == 0);
  world.window->show();
  CHECK(until([&] { return snapshots.count() > 0; }));
}

TEST_CASE("two hundred runs are shown by a dozen cards, and each can be reached with the arrow keys") {
  RunsModel runs;
  runs.show(momentOf(200, 1s));
  CardList list(runs, [](const std::string&) { return QString("Ran make"); });
  list.resize(900, 700);
  list.show();
  list.activateWindow();
  REQUIRE(until([&] { return list.isActiveWindow(); }));
  list.refresh();
  CHECK(list.cards() > 2);
  CHECK(list.cards() < 16);
  std::optional<std::string> opened;
  QObject::connect(&list, &CardList::openWanted, [&](const QString& run) { opened = run.toStdString(); });
  list.chooseRow(0);
  QTest::keyClick(QApplication::focusWidget(), Qt::Key_End);
  REQUIRE(list.cardOf(runs.row(199).run) != nullptr);
  CHECK(list.cardOf(runs.row(199).run)->hasFocus());
  QTest::keyClick(QApplication::focusWidget(), Qt::Key_Up);
  QTest::keyClick(QApplication::focusWidget(), Qt::Key_Return);
  CHECK(opened == runs.row(198).run);
  QElapsedTimer timer;
  timer.start();
  for (int i = 2; i < 12; ++i) {
    runs.show(momentOf(200, std::chrono::seconds(i)));
    list.refresh();
    (void)list.grab();
  }
  WARN("a frame of 200 runs, laid out and painted: " << static_cast<double>(timer.elapsed()) / 10 << " ms");
}

TEST_CASE("a card that came to lie elsewhere does nothing for a moment, and keeps the focus of its run") {
  RunsModel runs;
  runs.show(momentOf(3, 1s));
  CardList list(runs, [](const std::string&) { return QString(); });
  list.resize(900, 900);
  list.show();
  list.activateWindow();
  REQUIRE(until([&] { return list.isActiveWindow(); }));
  list.refresh();
  int acts = 0;
  QObject::connect(&list, &CardList::actWanted, [&] { ++acts; });
  QTest::qWait(500);  // They lie where they lay before.
  const auto press = [&](const std::string& run) {
    QTest::mouseClick(list.cardOf(run)->findChildren<QPushButton*>().first(), Qt::LeftButton);
  };
  press("run2");
  CHECK(acts == 1);
  list.cardOf("run2")->setFocus();
  auto asking = std::make_shared<top::Reading>(*momentOf(3, 2s));
  (*asking->questions)["run2"] = 1;
  runs.show(asking);
  list.refresh();
  REQUIRE(runs.indexOf("run2") == 0);
  CHECK(list.cardOf("run2")->hasFocus());
  press("run0");
  press("run2");
  CHECK(acts == 1);
  QTest::qWait(500);
  press("run2");
  CHECK(acts == 2);
}

TEST_CASE("a card whose buttons came to mean something else does nothing for a moment: a double click is one press") {
  RunsModel runs;
  CardList list(runs, [](const std::string&) { return QString(); });
  list.resize(900, 900);
  list.show();
  auto become = [&, at = 1s](const std::string& state) mutable {
    auto moment = std::make_shared<top::Reading>(*momentOf(1, at++));
    moment->runs.front().state = moment->usage.rows.front().state = state;
    runs.show(moment);
    list.refresh();
  };
  std::vector<client::Client::Verb> acts;
  QObject::connect(&list, &CardList::actWanted, [&](client::Client::Verb verb) { acts.push_back(verb); });
  const auto press = [&](const QString& text) {
    const auto buttons = list.cardOf("run0")->findChildren<QPushButton*>();
    const auto found = std::ranges::find(buttons, text, &QPushButton::text);
    REQUIRE(found != buttons.end());
    QTest::mouseClick(*found, Qt::LeftButton);
  };
  using Verb = client::Client::Verb;
  using Acts = std::vector<Verb>;
  become("running");
  QTest::qWait(450);
  press("Pause");
  become("frozen");
  press("Resume");
  CHECK(acts == Acts{Verb::kFreeze});
  become("frozen");  // Only a change counts, not each moment.
  QTest::qWait(450);
  become("frozen");
  press("Resume");
  become("running");
  press("Pause");
  CHECK(acts == Acts{Verb::kFreeze, Verb::kResume});
  QTest::qWait(450);
  press("Stop");
  become("stopping");
  press("Kill now");
  CHECK(acts == Acts{Verb::kFreeze, Verb::kResume, Verb::kStop});
  QTest::qWait(450);
  press("Kill now");
  CHECK(acts == Acts{Verb::kFreeze, Verb::kResume, Verb::kStop, Verb::kKill});
}

TEST_CASE("a narrow window has its pages at the bottom and a stop that is held for a second") {
  PanelWorld world;
  auto* stop = qobject_cast<HoldButton*>(world.button("Emergency stop"));
  REQUIRE(stop != nullptr);
  CHECK(stop->hold() == 0ms);
  world.window->resize(400, 700);
  CHECK(stop->hold() == 1000ms);
  REQUIRE(until([&] { return stop->height() >= 44; }));
  const auto* rail = world.window->findChild<Rail*>();
  CHECK(until([&] { return rail->y() > world.window->height() / 2; }));
  for (auto* button : world.window->findChildren<QAbstractButton*>()) {
    INFO(button->accessibleName().toStdString());
    if (button->isVisible()) CHECK(button->height() >= 44);
  }
}
