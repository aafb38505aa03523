// A real daemon, a real agent that asks, and a person who clicks: what happens is read from the file system.
#include "ui/panel/inbox_page.h"

#include <sys/stat.h>

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QScrollBar>
#include <QTreeView>
#include <QtTest>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/support/test_daemon.h"
#include "ui/panel/grants_page.h"

namespace ringfence::ui {
namespace {

using ringfence::test::TestDaemon;

constexpr char kAsking[] = R"(schema = 1
name = "coding"
[files]
workspace = "rw"
read = ["/usr", "/bin", "/lib", "/lib64"]
ask = ["$WORKSPACE/asked"]
[[exec.rule]]
match = ["printf", "%s"]
decide = "ask"
why = "prints"
[prompt]
timeout = "%TIMEOUT%"
per_minute = %RATE%
)";

bool exists(const std::string& path) { return std::ifstream(path).good(); }

struct Terms {
  std::string timeout = "10m";
  std::string perMinute = "60";
};

struct Policies {
  explicit Policies(const Terms& terms) {
    std::string text = kAsking;
    text.replace(text.find("%TIMEOUT%"), 9, terms.timeout);
    text.replace(text.find("%RATE%"), 6, terms.perMinute);
    folder.write("coding.toml", text);
  }
  ringfence::test::TempDir folder;
};

// One daemon, its agents, and the page of a panel.
struct World {
  explicit World(const Terms& terms = {}) : policies(terms) {
    REQUIRE(::mkdir((daemon.workspace() + "/asked").c_str(), 0777) == 0);
    REQUIRE(::chmod((daemon.workspace() + "/asked").c_str(), 0777) == 0);
    qputenv("RINGFENCE_SOCKET", QByteArray::fromStdString(daemon.socket()));
    link.emplace();
    QObject::connect(&*link, &Link::questionsChanged, &questions, &QuestionsModel::take);
    page.emplace(sources(), questions, [this] { return time; });
    page->resize(1000, 700);
    page->show();
    REQUIRE(QTest::qWaitForWindowExposed(&*page));
    page->setSeen(true);
  }
  ~World() {
    page.reset();
    link.reset();
    daemon.shutDown();
    CHECK(daemon.leftovers().empty());
  }

  std::string start(const std::string& script) { return start(daemon.request({"/bin/sh", "-c", script})); }
  std::string start(const client::RunRequest& request) {
    client::Client client = daemon.connect();
    auto answer = client.run(request);
    if (const auto* failure = std::get_if<client::Failure>(&answer)) FAIL(failure->error.message << daemon.log());
    return std::get<client::RunAccepted>(answer).run;
  }
  Sources sources() { return {*link, stop, runs}; }
  std::string asked(const std::string& name) const { return daemon.workspace() + "/asked/" + name; }
  std::string content(const std::string& name) const {
    return ringfence::test::readFile(daemon.workspace() + "/" + name);
  }

  bool waitFor(const std::function<bool()>& holds) { return QTest::qWaitFor(holds, 60'000); }
  void waitForQuestions(int count) {
    INFO(daemon.log());
    REQUIRE(waitFor([&] { return questions.waiting() == count && !page->prompt().isEmpty(); }));
  }
  bool waitForEnd(const std::string& run) { return daemon.reaches(run, "ended"); }

  void movePointer() {
    QWidget& view = page->prompt();
    for (const int x : {50, 90, 130}) {
      QMouseEvent move(QEvent::MouseMove, QPointF(x, 40), view.mapToGlobal(QPointF(x, 40)), Qt::NoButton, Qt::NoButton,
                       Qt::NoModifier);
      QApplication::sendEvent(&view, &move);
    }
  }
  void pass(int milliseconds) {
    time += Arming::Time(milliseconds);
    QTest::qWait(120);
  }
  void arm() {
    pass(1100);
    movePointer();
    pass(0);
  }
  template <typename Widget = QPushButton>
  Widget* find(const char* name) {
    auto* widget = page->prompt().findChild<Widget*>(name);
    REQUIRE(widget != nullptr);
    return widget;
  }
  void click(const char* name) {
    CAPTURE(name);
    QAbstractButton* button = find<QAbstractButton>(name);
    CHECK(button->isEnabled());
    QTest::mouseClick(button, Qt::LeftButton);
  }
  void hold(const char* name) {
    QTest::mousePress(find(name), Qt::LeftButton);
    pass(1000);
    QTest::mouseRelease(find(name), Qt::LeftButton);
  }
  void select(const QList<int>& rows) {
    auto* list = page->findChild<QListView*>("questions");
    list->clearSelection();
    for (const int row : rows)
      list->selectionModel()->select(list->model()->index(row, 0), QItemSelectionModel::Select);
    QTest::qWait(50);
  }
  QString note() { return page->findChild<QLabel*>("note")->accessibleName(); }

  Policies policies;
  TestDaemon daemon{{.policyDirs = {policies.folder.path()}, .arguments = {}, .stateDir = {}}};
  Arming::Time time{1'000'000};
  std::optional<Link> link;
  StopLink stop;
  RunsModel runs;
  QuestionsModel questions;
  std::optional<InboxPage> page;
};

TEST_CASE("a question appears, nothing happens before a click, and what is allowed by one is done once") {
  World world;
  const std::string run = world.start("echo hello > asked/note; echo again > asked/second");
  world.waitForQuestions(1);
  CHECK(world.find<QLabel>("sentence")->accessibleName().contains("asked/note"));
  CHECK(world.find<QPlainTextEdit>("exact")->toPlainText().contains("asked/note"));
  // A click that was meant for something else.
  QTest::mouseClick(world.find("allow"), Qt::LeftButton);
  CHECK_FALSE(exists(world.asked("note")));
  world.arm();
  world.click("allow");
  REQUIRE(world.waitFor([&] { return exists(world.asked("note")); }));
  // The next one takes its place, unarmed.
  REQUIRE(world.waitFor([&] { return world.find<QLabel>("sentence")->accessibleName().contains("asked/second"); }));
  CHECK_FALSE(world.find("allow")->isEnabled());
  QTest::mouseClick(world.find("allow"), Qt::LeftButton);
  world.click("deny");
  REQUIRE(world.waitForEnd(run));
  CHECK(world.content("asked/note") == "hello\n");
  CHECK_FALSE(exists(world.asked("second")));
  REQUIRE(world.waitFor([&] { return world.questions.waiting() == 0; }));
  CHECK(world.questions.rowCount() == 2);
}

TEST_CASE("an agent that is denied reads the words that the person typed") {
  World world;
  const std::string run = world.start("echo x > asked/note; cat $RINGFENCE_DENIALS > said");
  world.waitForQuestions(1);
  world.arm();
  world.click("denyWords");
  QTest::keyClicks(world.find<QPlainTextEdit>("words"), "use the workspace \"instead\"");
  world.click("denyAndSay");
  REQUIRE(world.waitForEnd(run));
  CHECK_FALSE(exists(world.asked("note")));
  CHECK(world.content("said").find(R"("say":"use the workspace \"instead\"")") != std::string::npos);
}

TEST_CASE("a write goes to the path that the person typed instead, and the agent's own stays untouched") {
  World world;
  const std::string run = world.start("echo hello > asked/note");
  world.waitForQuestions(1);
  world.arm();
  world.click("change");
  world.pass(1000);
  world.movePointer();
  auto* line = world.find<QLineEdit>("line");
  CHECK(line->text() == QString::fromStdString(world.asked("note")));
  line->setText(QString::fromStdString(world.daemon.workspace() + "/elsewhere"));
  world.pass(0);
  world.click("rewrite");
  REQUIRE(world.waitForEnd(run));
  CHECK_FALSE(exists(world.asked("note")));
  CHECK(world.content("elsewhere") == "hello\n");
}

TEST_CASE("keys that were meant for something else approve nothing, and a click before 700 ms does not") {
  World world;
  const std::string run = world.start("echo x > asked/note");
  world.waitForQuestions(1);
  QApplication::setActiveWindow(&*world.page);
  world.movePointer();
  for (QWidget* on : std::initializer_list<QWidget*>{world.find("deny"), world.find("allow")}) {
    on->setFocus();
    for (const Qt::Key key : {Qt::Key_Space, Qt::Key_Y, Qt::Key_A, Qt::Key_Return}) {
      QTest::keyClick(on, key);
      QTest::keyClick(on, key, Qt::AltModifier);
    }
  }
  world.pass(690);
  QTest::mouseClick(world.find("allow"), Qt::LeftButton);
  QTest::qWait(200);
  CHECK(world.questions.waiting() == 1);
  CHECK_FALSE(exists(world.asked("note")));
  world.pass(400);
  world.find("deny")->setFocus();
  QTest::keyClick(world.find("deny"), Qt::Key_Return);
  REQUIRE(world.waitForEnd(run));
  CHECK_FALSE(exists(world.asked("note")));
}

TEST_CASE("what destroys is done only when the button was held") {
  World world;
  std::ofstream(world.asked("old")) << "kept";
  const std::string run = world.start("rm -f asked/old");
  world.waitForQuestions(1);
  world.arm();
  QTest::mouseClick(world.find("allow"), Qt::LeftButton);
  QTest::qWait(200);
  CHECK(exists(world.asked("old")));
  world.hold("allow");
  REQUIRE(world.waitFor([&] { return !exists(world.asked("old")); }));
  REQUIRE(world.waitForEnd(run));
}

TEST_CASE("a hostile command is shown as text, as much as there is of it, and runs only after its end was in sight") {
  World world;
  std::vector<std::string> argv{"/usr/bin/printf", "%s"};
  for (int i = 0; i < 12; ++i)
    argv.push_back("\x1b[2J<b>free</b>\xe2\x80\xae\xe2\x80\x8b\n" + std::string(90'000, 'x'));
  client::RunRequest request = world.daemon.request({"/bin/sh", "-c", "\"$@\" > shown; echo $? > status", "sh"});
  request.argv.insert(request.argv.end(), argv.begin(), argv.end());
  const std::string run = world.start(request);
  world.waitForQuestions(1);
  auto* exact = world.find<QPlainTextEdit>("exact");
  CHECK(exact->toPlainText().contains("<b>free</b>"));
  CHECK_FALSE(exact->toPlainText().contains(QChar(0x1b)));
  CHECK_FALSE(exact->toPlainText().contains(QChar(0x202e)));
  world.arm();
  CHECK_FALSE(world.find("allow")->isEnabled());
  // What could not be told whole is for once, and held.
  CHECK_FALSE(world.find<QRadioButton>("scope1")->isVisible());
  exact->moveCursor(QTextCursor::End);
  exact->ensureCursorVisible();
  world.pass(0);
  CHECK(world.find("allow")->isEnabled());
  world.click("deny");
  REQUIRE(world.waitForEnd(run));
  CHECK(world.content("shown").empty());
  CHECK(world.content("status") != "0\n");
}

TEST_CASE("a card of several questions is shown whole, and answered at once") {
  World world({.timeout = "10m", .perMinute = "1"});
  const std::string run = world.start("for i in 1 2 3 4; do (echo $i > asked/$i) & done; wait");
  REQUIRE(world.waitFor([&] {
    return world.questions.waiting() == 2 &&
           (world.questions.question(0).item.batch == 3 || world.questions.question(1).item.batch == 3);
  }));
  world.select({world.questions.question(0).item.batch == 3 ? 0 : 1});
  CHECK(world.find<QLabel>("sentence")->accessibleName().contains("3 things"));
  CHECK_FALSE(world.find("change")->isVisible());
  world.arm();
  world.click("allow");
  REQUIRE(world.waitFor([&] { return world.questions.waiting() == 1; }));
  int written = 0;
  REQUIRE(world.waitFor([&] {
    written = 0;
    for (const char* name : {"1", "2", "3", "4"}) written += exists(world.asked(name)) ? 1 : 0;
    return written == 3;
  }));
  world.select({0});
  world.click("deny");
  REQUIRE(world.waitForEnd(run));
}

TEST_CASE("several questions of one agent are answered together, and never with those of another") {
  World world;
  const std::string first = world.start("for i in 1 2; do (echo $i > asked/$i) & done; wait");
  world.waitForQuestions(2);
  const std::string second = world.start("echo x > asked/other");
  world.waitForQuestions(3);
  int other = 0;
  while (world.questions.question(other).item.run != second) ++other;
  world.select({0, 1, 2});
  CHECK(world.page->prompt().isEmpty());
  CHECK(world.note().contains("several agents"));
  QList<int> own{0, 1, 2};
  own.removeAll(other);
  world.select(own);
  CHECK(world.find<QLabel>("sentence")->accessibleName().contains("2 questions"));
  world.arm();
  world.click("allow");
  REQUIRE(world.waitForEnd(first));
  CHECK(exists(world.asked("1")));
  CHECK(exists(world.asked("2")));
  CHECK_FALSE(exists(world.asked("other")));
  REQUIRE(world.waitFor([&] { return world.questions.waiting() == 1; }));
  QTest::qWait(50);
  world.click("deny");
  REQUIRE(world.waitForEnd(second));
  CHECK_FALSE(exists(world.asked("other")));
}

TEST_CASE("while a run has the person's screen nothing is allowed in a window, and the daemon refuses it too") {
  World world;
  const std::string runtime = world.daemon.base() + "/runtime";
  REQUIRE(::mkdir(runtime.c_str(), 0755) == 0);
  client::RunRequest request = world.daemon.request({"/bin/sh", "-c", "echo x > asked/note"});
  request.environment.emplace_back("XDG_RUNTIME_DIR", runtime);
  request.extraPaths = {{runtime, false}};
  const std::string run = world.start(request);
  world.waitForQuestions(1);
  world.arm();
  CHECK_FALSE(world.find("allow")->isVisible());
  CHECK_FALSE(world.find("change")->isVisible());
  const client::PendingItem item = world.questions.question(0).item;
  CHECK(world.find<QLabel>("notHere")->accessibleName().contains("ringfence allow " + QString::number(item.id)));
  client::Client client = world.daemon.connect();
  client::QuestionAnswer answer{item.id, item.digest, client::AllowAnswer{}, client::Surface::kWindow};
  const auto refused = client.answer(answer);
  REQUIRE(std::holds_alternative<client::Failure>(refused));
  CHECK(std::get<client::Failure>(refused).refusal->message.find("Wayland socket") != std::string::npos);
  CHECK_FALSE(exists(world.asked("note")));
  const auto details = client.show(run);
  const auto& weakened = std::get<client::RunDetails>(details).weakened;
  REQUIRE(weakened.size() == 1);
  CHECK(weakened[0].reason.find("Wayland socket") != std::string::npos);
  answer.surface = client::Surface::kUnknown;
  CHECK(std::holds_alternative<std::monostate>(client.answer(answer)));
  REQUIRE(world.waitForEnd(run));
  CHECK(exists(world.asked("note")));
}

TEST_CASE("what nobody answered stays as missed, and a panel that starts later has it from the log") {
  World world({.timeout = "1s", .perMinute = "60"});
  const std::string run = world.start("echo x > asked/note");
  REQUIRE(world.waitForEnd(run));
  REQUIRE(world.waitFor([&] {
    return world.questions.rowCount() == 1 && world.questions.question(0).state == Question::State::kMissed;
  }));
  world.select({0});
  CHECK(world.note().contains("asked again"));
  QuestionsModel later;
  later.readPast(*world.link);
  REQUIRE(world.waitFor([&] { return later.rowCount() == 1; }));
  CHECK(later.question(0).state == Question::State::kMissed);
  CHECK(later.question(0).item.action.target == world.asked("note"));
  CHECK_FALSE(exists(world.asked("note")));
}

TEST_CASE("what is allowed for the run is in the list of grants with its rule, and asked again once it is revoked") {
  World world;
  const std::string run = world.start(
      "echo 1 > asked/note; while ! test -e go; do sleep 0.05; done; echo 2 > asked/note; echo done > finished");
  world.waitForQuestions(1);
  world.arm();
  world.click("scope1");
  const QString rule = world.find<QPlainTextEdit>("literalRule")->toPlainText();
  CHECK(rule.contains("[[grant]]"));
  CHECK(rule.contains(QString::fromStdString(world.asked("note"))));
  world.click("allow");
  REQUIRE(world.waitFor([&] { return exists(world.asked("note")); }));

  GrantsPage grants(world.sources());
  grants.resize(900, 600);
  grants.show();
  grants.setSeen(true);
  auto* table = grants.findChild<QTreeView*>("grants");
  REQUIRE(world.waitFor([&] { return table->model()->rowCount() == 1; }));
  table->setCurrentIndex(table->model()->index(0, 0));
  QTest::qWait(50);
  // What was shown before it was given is what was written.
  CHECK(grants.findChild<QPlainTextEdit*>("policyText")->toPlainText().endsWith(rule));
  QTest::mouseClick(grants.findChild<QPushButton*>("revoke"), Qt::LeftButton);
  REQUIRE(world.waitFor([&] { return table->model()->rowCount() == 0; }));
  std::ofstream(world.daemon.workspace() + "/go") << "";
  world.waitForQuestions(1);
  world.click("deny");
  REQUIRE(world.waitForEnd(run));
  CHECK(world.content("asked/note") == "1\n");
}

TEST_CASE("what the list of grants says is of its last read, and what became of a revocation stays beside it") {
  World world;
  (void)world.start("echo 1 > asked/note; sleep 600");
  world.waitForQuestions(1);
  GrantsPage grants(world.sources());
  grants.setSeen(true);
  const auto says = [&](const char* label) { return grants.findChild<QLabel*>(label)->accessibleName(); };
  REQUIRE(world.waitFor([&] { return says("listed") == "You allowed nothing for longer than once."; }));
  world.arm();
  world.click("scope1");
  world.click("allow");
  auto* table = grants.findChild<QTreeView*>("grants");
  REQUIRE(world.waitFor([&] { return table->model()->rowCount() == 1; }));
  CHECK(says("listed").isEmpty());
  table->setCurrentIndex(table->model()->index(0, 0));
  grants.findChild<QPushButton*>("revoke")->click();
  REQUIRE(world.waitFor([&] { return table->model()->rowCount() == 0; }));
  CHECK(says("listed") == "You allowed nothing for longer than once.");
  CHECK(says("done").contains("is revoked"));
  for (const int rows : {1, 0}) {  // Each is a read.
    grants.findChild<QCheckBox*>("ended")->toggle();
    REQUIRE(world.waitFor([&] { return table->model()->rowCount() == rows; }));
  }
  CHECK(says("done").contains("is revoked"));
}

TEST_CASE("what is allowed for an hour is a grant that ends in an hour, says the daemon") {
  World world;
  (void)world.start("echo 1 > asked/note; sleep 600");
  world.waitForQuestions(1);
  world.arm();
  world.click("scope1");
  world.find<QComboBox>("duration")->setCurrentText("for 1 hour");
  world.pass(0);
  world.click("allow");
  REQUIRE(world.waitFor([&] { return exists(world.asked("note")); }));
  client::Client client = world.daemon.connect();
  const auto grants = client.grants("", client::GrantsShown::kInForce);
  REQUIRE(std::holds_alternative<std::vector<client::GrantRow>>(grants));
  const auto& rows = std::get<std::vector<client::GrantRow>>(grants);
  REQUIRE(rows.size() == 1);
  const auto momentOf = [](const std::string& text) {
    return QDateTime::fromString(QString::fromStdString(text), Qt::ISODateWithMs);
  };
  CHECK(std::abs(momentOf(rows[0].issued).secsTo(momentOf(rows[0].until)) - 3600) <= 1);
}

TEST_CASE("the agent is paused from its prompt, and its question still waits") {
  World world;
  const std::string run = world.start("echo x > asked/note");
  world.waitForQuestions(1);
  world.click("pause");
  CHECK(world.daemon.reaches(run, "frozen"));
  CHECK(world.questions.waiting() == 1);
  CHECK_FALSE(exists(world.asked("note")));
}

}  // namespace
}  // namespace ringfence::ui
