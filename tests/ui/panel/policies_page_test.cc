// The page of policies with the real checker: what it says while a person writes, and what is saved.
#include "ui/panel/policies_page.h"

#include <QDir>
#include <QFile>
#include <QLineEdit>
#include <QTreeWidget>

#include <catch2/catch_test_macros.hpp>

#include "tests/ui/panel/page_world.h"

using namespace ringfence;
using namespace ringfence::ui;
using namespace ringfence::test;

namespace {

constexpr const char* kGood = "schema = 1\nname = \"mine\"\nextends = [\"coding\"]\n";

// No daemon: policies are files.
struct World {
  QTemporaryDir home;
  QString own = home.filePath(".config/ringfence/policies");
  Link link;
  StopLink stop;
  RunsModel runs;
  std::optional<PoliciesPage> page;

  World() {
    qputenv("HOME", home.path().toUtf8());
    qputenv("RINGFENCE_POLICY_DIR", RINGFENCE_SOURCE_DIR "/policy/profiles");
    REQUIRE(QDir().mkpath(own));
    write("mine", kGood);
    page.emplace(Sources{link, stop, runs}, own);
    show(*page);
    REQUIRE(until([&] { return list()->topLevelItemCount() > 3; }));
  }
  void write(const QString& name, const QByteArray& text) {
    QFile file(own + "/" + name + ".toml");
    REQUIRE(file.open(QIODevice::WriteOnly));
    file.write(text);
  }
  QByteArray saved(const QString& name) {
    QFile file(own + "/" + name + ".toml");
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }
  QTreeWidget* list() { return findNamed<QTreeWidget>(*page, "Policies"); }
  QTreeWidget* problems() { return findNamed<QTreeWidget>(*page, "Problems"); }
  PolicyEditor* editor() { return page->findChild<PolicyEditor*>(); }
  QString said() { return textOf(*page, "Result"); }
  void choose(const QString& name) {
    const auto found = list()->findItems(name, Qt::MatchExactly, 0);
    REQUIRE(found.size() == 1);
    list()->setCurrentItem(found.front());
    REQUIRE(until([&] { return said() == "It loads." || said().startsWith("It does not load"); }));
  }
  void type(const QString& text) { editor()->setPlainText(text); }
};

}  // namespace

TEST_CASE("policies are listed with whose they are, and shipped ones cannot be typed into") {
  World world;
  const auto coding = world.list()->findItems("coding", Qt::MatchExactly, 0);
  REQUIRE(coding.size() == 1);
  CHECK(coding.front()->text(2) == "read-only");
  CHECK(world.list()->findItems("mine", Qt::MatchExactly, 0).front()->text(2) == "yours");
  world.choose("coding");
  CHECK(world.editor()->isReadOnly());
  CHECK(world.editor()->toPlainText().contains("schema"));
  world.choose("mine");
  CHECK_FALSE(world.editor()->isReadOnly());
  CHECK(world.editor()->toPlainText() == kGood);
}

TEST_CASE("what is wrong gets a wave, a line in the list and the checker's help while a person writes") {
  World world;
  world.choose("mine");
  world.type(QString(kGood) + "[filez]\nread = [\"/usr\"]\n");
  REQUIRE(until([&] { return world.problems()->topLevelItemCount() == 1; }));
  QTreeWidgetItem* problem = world.problems()->topLevelItem(0);
  CHECK(problem->text(0) == "4");
  CHECK(problem->text(1) == "unknown key `filez`");
  CHECK(problem->text(2) == "did you mean `files`?");
  const auto waves = world.editor()->extraSelections();
  REQUIRE(waves.size() == 1);
  CHECK(waves.front().cursor.selectedText() == "filez");
  CHECK(waves.front().format.underlineStyle() == QTextCharFormat::WaveUnderline);
  CHECK(world.said() == "It does not load: 1 problems.");

  world.type(QString(kGood) + "[files]\nread = [\"/usr\"]\n");
  REQUIRE(until([&] { return world.said() == "It loads."; }));
  CHECK(world.problems()->topLevelItemCount() == 0);
  CHECK(world.editor()->extraSelections().isEmpty());
}

TEST_CASE("what loads is saved at once, also when its check is still on the way") {
  World world;
  world.choose("mine");
  const QString text = QString(kGood) + "[limits]\npids = 64\n";
  world.type(text);
  QTest::mouseClick(findButton(*world.page, "Save"), Qt::LeftButton);
  REQUIRE(until([&] { return world.said().startsWith("Saved."); }));
  CHECK(world.saved("mine") == text.toUtf8());
  CHECK_FALSE(findButton(*world.page, "Save")->isEnabled());
}

TEST_CASE("what does not load is not saved, unless the person insists") {
  World world;
  world.choose("mine");
  const QString broken = QString(kGood) + "[limits]\npids = \"many\"\n";
  world.type(broken);
  QTest::mouseClick(findButton(*world.page, "Save"), Qt::LeftButton);
  REQUIRE(until([&] { return world.said().startsWith("NOT saved"); }));
  CHECK(world.said().contains("the previous version stays in force"));
  CHECK(world.saved("mine") == kGood);

  QPushButton* insist = findButton(*world.page, "Save although it does not load");
  REQUIRE(insist->isVisible());
  QTest::mouseClick(insist, Qt::LeftButton);
  REQUIRE(until([&] { return world.said().startsWith("Saved although"); }));
  CHECK(world.saved("mine") == broken.toUtf8());
  CHECK(until([&] {
    const auto found = world.list()->findItems("mine", Qt::MatchExactly, 0);
    return found.size() == 1 && found.front()->text(3).startsWith("DOES NOT LOAD");
  }));
}

TEST_CASE("a shipped policy is copied to the person's own, under a name of its own") {
  World world;
  world.choose("strict");
  auto* name = findNamed<QLineEdit>(*world.page, "Name of the copy");
  CHECK(name->text() == "my-strict");
  QPushButton* copy = findButton(*world.page, "Copy to my policies");
  name->setText("../escape");
  CHECK_FALSE(copy->isEnabled());
  name->setText("coding");
  CHECK_FALSE(copy->isEnabled());  // It is there already.
  name->setText("my-strict");
  REQUIRE(copy->isEnabled());
  QTest::mouseClick(copy, Qt::LeftButton);
  REQUIRE(until([&] { return !world.saved("my-strict").isEmpty(); }));
  REQUIRE(until([&] { return world.editor()->toPlainText().contains("name = \"my-strict\""); }));
  CHECK_FALSE(world.editor()->isReadOnly());
  REQUIRE(until([&] { return world.list()->findItems("my-strict", Qt::MatchExactly, 0).size() == 1; }));
  CHECK(world.list()->findItems("my-strict", Qt::MatchExactly, 0).front()->text(2) == "yours");
}

TEST_CASE("changes that were not saved are there again when the person comes back to them, and can be discarded") {
  World world;
  world.choose("mine");
  world.type(QString(kGood) + "# half a thought\n");
  world.choose("coding");
  world.choose("mine");
  CHECK(world.editor()->toPlainText().endsWith("# half a thought\n"));
  QTest::mouseClick(findButton(*world.page, "Discard changes"), Qt::LeftButton);
  CHECK(world.editor()->toPlainText() == kGood);
}

TEST_CASE("a policy that builds on another one of the person is checked beside it") {
  World world;
  world.write("other", "schema = 1\nname = \"other\"\nextends = [\"mine\"]\n");
  world.page->setSeen(true);
  REQUIRE(until([&] { return world.list()->findItems("other", Qt::MatchExactly, 0).size() == 1; }));
  world.choose("other");
  CHECK(world.said() == "It loads.");
}

TEST_CASE("answers of the checker are read as they are, and what is none is no result") {
  CHECK_FALSE(checkResult("not json", "/a.toml"));
  const auto result = checkResult(
      R"({"checked":"a","ok":false,"diagnostics":[
          {"severity":"error","file":"/x/b.toml","line":3,"column":1,"end_column":2,"message":"odd","help":""},
          {"severity":"warning","file":"/t/a.toml","line":7,"column":2,"end_column":5,"message":"m\u001b","help":"h"}]})",
      "/a.toml");
  CHECK_FALSE(result);  // Of more than one line.
  const auto one = checkResult(
      R"({"ok":false,"diagnostics":[{"severity":"error","file":"/x/b.toml","line":3,"message":"odd","help":""},)"
      R"({"severity":"warning","file":"/t/a.toml","line":7,"column":2,"end_column":5,"message":"m\u001b","help":"h"}]})",
      "/a.toml");
  REQUIRE(one);
  REQUIRE(one->problems.size() == 2);
  CHECK(one->problems[0].line == 7);
  CHECK(one->problems[0].weight == PolicyProblem::Weight::kWarning);
  CHECK(one->problems[0].message == "m\\x1b");
  CHECK(one->problems[1].line == 0);
  CHECK(one->problems[1].message == "odd, in /x/b.toml:3");
}
