// The page of an agent with a real daemon and real agents.
#include "ui/panel/agent_page.h"

#include <signal.h>

#include <QPlainTextEdit>
#include <QTreeView>
#include <QTreeWidget>

#include <catch2/catch_test_macros.hpp>

#include "tests/ui/panel/page_world.h"
#include "ui/panel/activity_tab.h"
#include "ui/panel/agent_words.h"
#include "ui/panel/plots/time_series.h"

using namespace ringfence;
using namespace ringfence::ui;
using namespace ringfence::test;
using namespace std::chrono_literals;

namespace {

struct World : PageWorld {
  AgentPage page = AgentPage(sources(), *facts);

  void open(const std::string& run) {
    page.showRun(QString::fromStdString(run));
    show(page);
  }
};

}  // namespace

TEST_CASE("an agent's page says how it is, how its walls are, and what it did, and of no other agent") {
  World world;
  const std::string run = world.start({"/bin/sleep", "600"}, "sleeper");
  (void)world.start({"/bin/sleep", "601"}, "other");
  world.open(run);
  CHECK(until([&] { return textOf(world.page, "Walls") == "All 10 walls are up."; }));
  CHECK(until([&] { return textOf(world.page, "State") == "Working"; }));
  auto* choices = findNamed<QComboBox>(world.page, "Agent");
  CHECK(until([&] { return choices->count() == 2 && choices->currentText() == "sleeper"; }));

  HistoryModel& activity = world.page.findChild<ActivityTab*>()->model();
  REQUIRE(until([&] { return activity.rowCount() >= 3; }));
  for (int row = 0; row < activity.rowCount(); ++row) CHECK(activity.fact(row)->line->run == run);

  REQUIRE(until([&] { return world.runs.indexOf(run) >= 0; }));
  QTest::mouseClick(findButton(world.page, "What would an interruption cost?"), Qt::LeftButton);
  CHECK(until([&] { return textOf(world.page, "Result").contains("Paused for 10"); }));
}

TEST_CASE("the button that pauses freezes the agent for the kernel, and lets it go on") {
  World world;
  const std::string run = world.start({"/bin/sleep", "600"}, "sleeper");
  world.open(run);
  REQUIRE(until([&] { return world.runs.indexOf(run) >= 0 && textOf(world.page, "State") == "Working"; }));
  QTest::mouseClick(findButton(world.page, "Pause"), Qt::LeftButton);
  CHECK(until([&] { return isFrozen(world.daemon, run); }));
  REQUIRE(until([&] { return textOf(world.page, "State").startsWith("Paused"); }));
  QTest::qWait(450);  // It has meant that for longer than a double click takes.
  QTest::mouseClick(findButton(world.page, "Resume"), Qt::LeftButton);
  CHECK(until([&] { return !isFrozen(world.daemon, run); }));
}

TEST_CASE("a double click on the button that pauses an agent does not let it go on") {
  World world;
  const std::string run = world.start({"/bin/sleep", "600"}, "sleeper");
  world.open(run);
  REQUIRE(until([&] { return world.runs.indexOf(run) >= 0 && textOf(world.page, "State") == "Working"; }));
  auto* button = findButton(world.page, "Pause");
  QTest::mouseClick(button, Qt::LeftButton);
  REQUIRE(until([&] { return button->text() == "Resume"; }));
  QTest::mouseClick(button, Qt::LeftButton);
  QTest::qWait(700);  // That nothing happens shows only with time.
  CHECK(isFrozen(world.daemon, run));
  CHECK(button->text() == "Resume");
}

TEST_CASE("output is shown as it comes and as text, also of an agent that is over") {
  World world;
  const std::string run =
      world.start({"/bin/sh", "-c", "printf 'one\\033[31m <b>two</b>\\033[2J\\n'; sleep 0.3; echo three"}, "writer");
  world.open(run);
  chooseTab(world.page, "Output");
  auto* text = findNamed<QPlainTextEdit>(world.page, "Output of this agent");
  REQUIRE(until([&] { return text->toPlainText().contains("three"); }));
  CHECK(text->toPlainText() == "one <b>two</b>\\x1b[2J\nthree\n");
  REQUIRE(world.daemon.reaches(run, "ended"));
  REQUIRE(until([&] { return textOf(world.page, "State") == "Ended with status 0"; }));

  world.page.showRun({});
  CHECK(text->toPlainText().isEmpty());
  world.page.showRun(QString::fromStdString(run));
  CHECK(until([&] { return text->toPlainText().endsWith("three\n"); }));
}

TEST_CASE("the policy of an agent is shown value by value, each with the file and line that it is from") {
  World world;
  const std::string run = world.start({"/bin/sleep", "600"}, "sleeper");
  world.open(run);
  chooseTab(world.page, "Policy");
  auto* values = findNamed<QTreeWidget>(world.page, "Values of the policy");
  const bool isShown = until([&] { return values->topLevelItemCount() > 20; });
  INFO(textOf(world.page, "Policy").toStdString());
  REQUIRE(isShown);
  const auto found = values->findItems("priority.class", Qt::MatchExactly, 0);
  REQUIRE(found.size() == 1);
  CHECK(found.front()->text(1) == "\"interactive\"");
  CHECK(found.front()->text(2).endsWith("/policies/awake.toml:5"));
}

TEST_CASE("what an agent uses is drawn from snapshots, and of what is past from the daemon's samples") {
  World world;
  const std::string run = world.start({"/bin/sh", "-c", "while :; do :; done"}, "busy");
  world.open(run);
  chooseTab(world.page, "Resources");
  const auto cpu = [&] { return world.page.findChildren<TimeSeriesPlot*>().front()->spoken(); };
  REQUIRE(until([&] { return cpu().contains("of one processor") && !cpu().contains("unknown"); }));
  auto* spans = findNamed<QComboBox>(*world.page.findChild<QTabWidget*>()->currentWidget(), "How far back");
  spans->setCurrentIndex(1);
  CHECK(until([&] { return cpu().contains("of one processor"); }));
}

TEST_CASE("while the daemon hangs every tab can be looked at, and none holds up the window") {
  World world;
  const std::string run = world.start({"/bin/sleep", "600"}, "sleeper");
  world.open(run);
  REQUIRE(until([&] { return world.runs.indexOf(run) >= 0; }));
  REQUIRE(::kill(world.daemon.pid(), SIGSTOP) == 0);
  Heartbeat heartbeat;
  for (const char* tab : {"Network", "Resources", "Policy", "Output", "Activity"}) {
    chooseTab(world.page, tab);
    QTest::qWait(1);
  }
  QTest::mouseClick(findButton(world.page, "What would an interruption cost?"), Qt::LeftButton);
  world.page.showRun("nobody");
  QTest::qWait(50);
  INFO("the longest gap was " << heartbeat.longest().count() << " ms");
  CHECK(heartbeat.longest() <= 1s);  // The bound of a frame is measured on a quiet machine: tests/bench/panel_bench.cc.
  REQUIRE(::kill(world.daemon.pid(), SIGCONT) == 0);
}

TEST_CASE("walls that are down and prices that nobody knows are said in words") {
  client::RunDetails run;
  CHECK(wallsWords(run) == "How its walls are is not known.");
  run.walls = {{"mount", "", "", "read", true}, {"landlock", "", "", "probe", false}};
  run.weakened = {{"landlock", "this kernel has \x1b none"}};
  CHECK(wallsWords(run).toStdString() ==
        "Walls that are NOT up: landlock. Weakened: landlock (this kernel has \\x1b none).");
  client::PriceAnswer price;
  price.hold = std::chrono::seconds(10);
  price.kill.forbidden = true;
  price.kill.why = "it is writing";
  const QString words = priceWords(price);
  CHECK(words.contains("Paused for 10.0 s: unknown of delay"));
  CHECK(words.contains("Ended: unknown of delay; it must not be done now (it is writing)"));
  CHECK(words.contains("No safe point is known"));
}
