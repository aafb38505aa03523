// The page of the history with a real daemon: what it shows, writes to files, and says of the chain.
#include "ui/panel/history_page.h"

#include <signal.h>

#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QTreeView>

#include <catch2/catch_test_macros.hpp>

#include "tests/ui/panel/page_world.h"

using namespace ringfence;
using namespace ringfence::ui;
using namespace ringfence::test;
using namespace std::chrono_literals;

namespace {

struct World : PageWorld {
  HistoryPage page = HistoryPage(sources(), *facts);

  World() { show(page); }
  std::string run(std::vector<std::string> argv, const std::string& name) {
    const std::string id = start(std::move(argv), name);
    REQUIRE(daemon.reaches(id, "ended"));
    return id;
  }
  QString result() { return textOf(page, "Result"); }
  // The row with that text in what happened; -1: none.
  int rowWith(const QString& text) {
    const HistoryModel& model = page.model();
    for (int row = 0; row < model.rowCount(); ++row) {
      if (model.index(row, HistoryModel::kWhat).data().toString().contains(text)) return row;
    }
    return -1;
  }
};

std::vector<client::LogLine> logOf(const TestDaemon& daemon) {
  client::Client client = daemon.connect();
  REQUIRE(client.beginLog("", 0, false).index() == 0);
  std::vector<client::LogLine> lines;
  for (;;) {
    auto answer = client.nextLogLine();
    REQUIRE(answer.index() == 0);
    if (!std::get<0>(answer)) return lines;
    lines.push_back(*std::get<0>(answer));
  }
}

std::vector<QJsonObject> objectsIn(const QString& path) {
  QFile file(path);
  REQUIRE(file.open(QIODevice::ReadOnly));
  std::vector<QJsonObject> objects;
  while (!file.atEnd()) objects.push_back(QJsonDocument::fromJson(file.readLine()).object());
  return objects;
}

}  // namespace

TEST_CASE("what an agent did is a row in words, is found by typing, and leads to the agent") {
  World world;
  const std::string run = world.run({"/bin/echo", "bold <b>words</b>"}, "echo one");
  REQUIRE(until([&] { return world.rowWith("It ended with status 0.") >= 0; }));
  const int row = world.rowWith("echo one starts in");
  REQUIRE(row >= 0);
  const QModelIndex index = world.page.model().index(row, HistoryModel::kWhat);
  CHECK(index.data().toString().contains("'bold <b>words</b>'"));
  CHECK(index.siblingAtColumn(HistoryModel::kAgent).data().toString() == "echo one");

  auto* search = findNamed<QLineEdit>(world.page, "Search what happened");
  QTest::keyClicks(search, "ended with status");
  REQUIRE(until([&] { return world.page.model().rowCount() == 1; }));

  QSignalSpy wanted(&world.page, &Page::runWanted);
  auto* table = findNamed<QTreeView>(world.page, "What happened");
  const QRect place = table->visualRect(world.page.model().index(0, HistoryModel::kWhat));
  QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, place.center());
  CHECK(findNamed<QPlainTextEdit>(world.page, "The chosen fact in full")->toPlainText().contains("\"code\":0"));
  QTest::mouseDClick(table->viewport(), Qt::LeftButton, {}, place.center());
  REQUIRE(wanted.count() >= 1);
  CHECK(wanted.at(0).at(0).toString().toStdString() == run);
}

TEST_CASE("the details of a run are what the log has of it, also where it tells of the run only later") {
  World world;
  const std::string one = world.run({"/bin/true"}, "one"), other = world.run({"/bin/true"}, "other");
  world.page.showRun(QString::fromStdString(other));
  const auto* agents = findNamed<QComboBox>(world.page, "Agent");
  REQUIRE(until([&] { return agents->currentData().toString().toStdString() == other; }));
  REQUIRE(until([&] { return world.page.model().rowCount() > 0 && !world.page.model().isFiltering(); }));
  world.page.showRun(QString::fromStdString(one));
  CHECK(agents->currentData().toString().toStdString() == one);
}

TEST_CASE("the button that verifies says what the daemon found") {
  World world;
  (void)world.run({"/bin/true"}, "one");
  QTest::mouseClick(findButton(world.page, "Verify the chain"), Qt::LeftButton);
  REQUIRE(until([&] { return world.result().startsWith("Chain verified"); }));
  const auto told = QRegularExpression("^Chain verified: (\\d+) facts, head ([0-9a-f]{64})$").match(world.result());
  REQUIRE(told.hasMatch());
  // The daemon may have gone on since.
  const auto log = logOf(world.daemon);
  REQUIRE(told.captured(1).toULongLong() >= 8);
  REQUIRE(log.size() >= told.captured(1).toULongLong());
  CHECK(log[told.captured(1).toULongLong() - 1].hash == told.captured(2).toStdString());
}

TEST_CASE("a file of the whole log has every fact, and one of what is shown only that") {
  World world;
  (void)world.run({"/bin/true"}, "one");
  (void)world.run({"/bin/false"}, "two");
  REQUIRE(until([&] { return world.page.model().rowCount() >= 8; }));
  const QString whole = world.directory.filePath("whole.jsonl");
  world.page.exportLog(whole);
  REQUIRE(until([&] { return world.result().startsWith("Written"); }));
  const auto facts = objectsIn(whole);
  const auto log = logOf(world.daemon);
  REQUIRE(facts.size() >= 8);
  REQUIRE(facts.size() <= log.size());
  for (std::size_t i = 0; i < facts.size(); ++i) CHECK(facts[i]["hash"].toString().toStdString() == log[i].hash);

  QTest::keyClicks(findNamed<QLineEdit>(world.page, "Search what happened"), "ended with status 1");
  REQUIRE(until([&] { return world.page.model().rowCount() == 1; }));
  const QString shown = world.directory.filePath("shown.jsonl");
  world.page.exportShown(shown);
  REQUIRE(until([&] { return QFile::exists(shown); }));
  const auto one = objectsIn(shown);
  REQUIRE(one.size() == 1);
  CHECK(one.front()["kind"].toString() == "run-ended");
  CHECK(one.front()["body"].toObject()["exit"].toObject()["code"].toInt() == 1);
}

TEST_CASE("writing a file while the daemon hangs holds up nothing, and leaves no file when it is cancelled") {
  World world;
  REQUIRE(until([&] { return world.page.model().rowCount() > 0; }));
  REQUIRE(::kill(world.daemon.pid(), SIGSTOP) == 0);
  Heartbeat heartbeat;
  const QString file = world.directory.filePath("never.jsonl");
  world.page.exportLog(file);
  CHECK_FALSE(findButton(world.page, "Export")->isEnabled());
  QTest::mouseClick(findButton(world.page, "Cancel"), Qt::LeftButton);
  CHECK(findButton(world.page, "Export")->isEnabled());
  CHECK(world.result() == "Cancelled: no file was written.");
  CHECK(heartbeat.longest() <= 100ms);
  REQUIRE(::kill(world.daemon.pid(), SIGCONT) == 0);
  QTest::mouseClick(findButton(world.page, "Verify the chain"), Qt::LeftButton);  // Comes after the other in its lane.
  REQUIRE(until([&] { return world.result().startsWith("Chain verified"); }));
  CHECK_FALSE(QFile::exists(file));
}

TEST_CASE("a file that cannot be written is said, with why") {
  World world;
  world.page.exportLog(world.directory.filePath("no/such/directory/log.jsonl"));
  REQUIRE(until([&] { return world.result().startsWith("No file was written"); }));
}

TEST_CASE("a page that nobody sees asks for no facts, and catches up when it is seen again") {
  World world;
  REQUIRE(until([&] { return world.page.model().rowCount() > 0; }));
  world.page.setSeen(false);
  (void)world.run({"/bin/true"}, "unseen");
  QTest::qWait(0);
  CHECK(world.rowWith("unseen starts in") < 0);
  world.page.setSeen(true);
  REQUIRE(until([&] { return world.rowWith("unseen starts in") >= 0; }));
  REQUIRE(until([&] { return world.rowWith("It ended with status 0.") >= 0; }));
  // Nothing is there twice.
  const HistoryModel& model = world.page.model();
  for (int row = 1; row < model.rowCount(); ++row)
    CHECK(model.index(row, 0).data(HistoryModel::kSeqRole).toULongLong() >
          model.index(row - 1, 0).data(HistoryModel::kSeqRole).toULongLong());
}
