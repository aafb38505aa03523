// The prompt as a widget, with a clock of the test's and no daemon: what allows, and above all what does not.
#include "ui/shared/prompt/prompt_view.h"

#include <QApplication>
#include <QComboBox>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTableWidget>
#include <QtTest>
#include <catch2/catch_test_macros.hpp>

#include "tests/ui/shared/prompt/questions.h"
#include "ui/shared/target_style.h"

namespace ringfence::ui {
namespace {

using test::execQuestion;
using test::writeQuestion;

struct Prompt {
  Prompt() {
    qputenv("RINGFENCE_SOCKET", "/nonexistent/ringfence.sock");
    view.resize(900, 700);
  }
  void present(const client::PendingItem& item) {
    view.present({item});
    if (!view.isVisible()) {
      view.show();
      REQUIRE(QTest::qWaitForWindowExposed(&view));
    }
    settle();
  }
  // Lets the view look at what is.
  void settle() { QTest::qWait(120); }
  void pass(int milliseconds) {
    time += Arming::Time(milliseconds);
    settle();
  }
  void movePointer() {
    for (const int x : {50, 90, 130}) {
      QTest::mouseMove(&view, QPoint(x, 40));
      QMouseEvent move(QEvent::MouseMove, QPointF(x, 40), view.mapToGlobal(QPointF(x, 40)), Qt::NoButton, Qt::NoButton,
                       Qt::NoModifier);
      QApplication::sendEvent(&view, &move);
    }
    settle();
  }
  // A question that is armed for a click.
  void arm(const client::PendingItem& item) {
    present(item);
    pass(1100);
    movePointer();
  }
  template <typename Widget = QPushButton>
  Widget* find(const char* name) {
    auto* widget = view.findChild<Widget*>(name);
    REQUIRE(widget != nullptr);
    return widget;
  }
  QString hint() { return find<QLabel>("hint")->accessibleName(); }
  void click(const char* name) { QTest::mouseClick(find(name), Qt::LeftButton); }

  Arming::Time time{1'000'000};
  Link link;
  PromptView view{link, nullptr, [this] { return time; }};
  QSignalSpy allowed{view.findChild<AllowButton*>("allow"), &AllowButton::meant};
  QSignalSpy rewritten{view.findChild<AllowButton*>("rewrite"), &AllowButton::meant};
  QSignalSpy denied{view.findChild<QPushButton*>("deny"), &QPushButton::clicked};
};

TEST_CASE("a click on allow counts after 700 ms and a move inside") {
  Prompt prompt;
  prompt.arm(writeQuestion());
  CHECK(prompt.find("allow")->isEnabled());
  prompt.click("allow");
  CHECK(prompt.allowed.count() == 1);
  CHECK_FALSE(prompt.find("allow")->isEnabled());  // Nothing is answered twice.
}

TEST_CASE("a click before 700 ms does nothing, and one that began before does nothing when it ends later") {
  Prompt prompt;
  prompt.present(writeQuestion());
  prompt.movePointer();
  prompt.pass(699);
  prompt.click("allow");
  CHECK(prompt.allowed.count() == 0);
  QTest::mousePress(prompt.find("allow"), Qt::LeftButton);
  prompt.pass(1000);
  QTest::mouseRelease(prompt.find("allow"), Qt::LeftButton);
  CHECK(prompt.allowed.count() == 0);
}

TEST_CASE("without a deliberate move inside allow stays closed, however long it is there") {
  Prompt prompt;
  prompt.present(writeQuestion());
  prompt.pass(60'000);
  CHECK_FALSE(prompt.find("allow")->isEnabled());
  CHECK(prompt.hint().contains("Move the pointer"));
  // A pointer that was there already and trembles.
  for (const int x : {50, 51, 52, 51}) {
    QMouseEvent move(QEvent::MouseMove, QPointF(x, 40), prompt.view.mapToGlobal(QPointF(x, 40)), Qt::NoButton,
                     Qt::NoButton, Qt::NoModifier);
    QApplication::sendEvent(&prompt.view, &move);
  }
  prompt.settle();
  CHECK_FALSE(prompt.find("allow")->isEnabled());
}

TEST_CASE("keys that somebody was typing elsewhere never approve, and in the first second they do nothing at all") {
  for (const Qt::KeyboardModifier modifier : {Qt::NoModifier, Qt::AltModifier, Qt::ControlModifier}) {
    for (const Qt::Key key : {Qt::Key_Space, Qt::Key_Y, Qt::Key_A, Qt::Key_Return, Qt::Key_Enter}) {
      Prompt prompt;
      prompt.present(writeQuestion());
      QApplication::setActiveWindow(&prompt.view);
      prompt.find("deny")->setFocus();
      prompt.pass(50);
      QTest::keyClick(QApplication::focusWidget(), key, modifier);
      prompt.find("allow")->setFocus();  // Even there.
      QTest::keyClick(prompt.find("allow"), key, modifier);
      CHECK(prompt.allowed.count() == 0);
      CHECK(prompt.denied.count() == 0);
      CHECK_FALSE(prompt.find("allow")->isEnabled());
    }
  }
}

TEST_CASE("after the first second no letter and no Enter approves; Enter on deny denies") {
  Prompt prompt;
  prompt.arm(writeQuestion());
  QApplication::setActiveWindow(&prompt.view);
  prompt.find("allow")->setFocus();
  for (const Qt::Key key : {Qt::Key_Y, Qt::Key_A, Qt::Key_Return, Qt::Key_Enter})
    QTest::keyClick(prompt.find("allow"), key);
  QTest::keyClick(prompt.find("allow"), Qt::Key_A, Qt::AltModifier);
  CHECK(prompt.allowed.count() == 0);
  prompt.find("deny")->setFocus();
  QTest::keyClick(prompt.find("deny"), Qt::Key_Return);
  CHECK(prompt.denied.count() == 1);
}

TEST_CASE("the keyboard alone is enough: Tab to allow, and the space bar") {
  Prompt prompt;
  prompt.present(writeQuestion());
  QApplication::setActiveWindow(&prompt.view);
  prompt.pass(1100);
  prompt.find("deny")->setFocus();
  for (int i = 0; i < 20 && QApplication::focusWidget() != prompt.find("allow"); ++i) {
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
    prompt.settle();
  }
  REQUIRE(QApplication::focusWidget() == prompt.find("allow"));
  QTest::keyClick(prompt.find("allow"), Qt::Key_Space);
  CHECK(prompt.allowed.count() == 1);
}

TEST_CASE("the view takes no focus by itself, and deny is what gets it") {
  QWidget window;
  auto* elsewhere = new QPushButton("elsewhere", &window);
  window.show();
  REQUIRE(QTest::qWaitForWindowExposed(&window));
  QApplication::setActiveWindow(&window);
  elsewhere->setFocus();
  Prompt prompt;
  prompt.view.setParent(&window);
  prompt.present(writeQuestion());
  prompt.pass(2000);
  CHECK(QApplication::focusWidget() == elsewhere);
  prompt.view.setFocus();
  CHECK(QApplication::focusWidget() == prompt.find("deny"));
  prompt.view.setParent(nullptr);
}

TEST_CASE("when the question changes under it, it begins anew and unarmed") {
  Prompt prompt;
  prompt.arm(writeQuestion());
  client::PendingItem changed = writeQuestion();
  changed.digest = std::string(64, 'f');
  changed.action.target = "/etc/passwd";
  prompt.find<QRadioButton>("scope3")->click();
  prompt.present(changed);
  CHECK_FALSE(prompt.find("allow")->isEnabled());
  CHECK(prompt.find<QRadioButton>("scope0")->isChecked());
  CHECK(prompt.find<QPlainTextEdit>("exact")->toPlainText().contains("/etc/passwd"));
  prompt.click("allow");
  CHECK(prompt.allowed.count() == 0);
}

TEST_CASE("the same question told again keeps what the person did, and shows how many calls wait for it") {
  Prompt prompt;
  client::PendingItem item = writeQuestion();
  prompt.arm(item);
  item.coalesced = 3;
  prompt.view.present({item}, {1, 2});
  prompt.settle();
  CHECK(prompt.find("allow")->isEnabled());
}

TEST_CASE("out of sight and back it is unarmed") {
  Prompt prompt;
  prompt.arm(writeQuestion());
  prompt.view.hide();
  prompt.view.show();
  REQUIRE(QTest::qWaitForWindowExposed(&prompt.view));
  prompt.settle();
  CHECK_FALSE(prompt.find("allow")->isEnabled());
}

TEST_CASE("what destroys is allowed by holding the button for a second, and a click does nothing") {
  Prompt prompt;
  client::PendingItem item = writeQuestion();
  item.action.what = "unlinkat";
  prompt.arm(item);
  REQUIRE(prompt.find("allow")->isEnabled());
  prompt.click("allow");
  QTest::mousePress(prompt.find("allow"), Qt::LeftButton);
  prompt.pass(990);
  QTest::mouseRelease(prompt.find("allow"), Qt::LeftButton);
  CHECK(prompt.allowed.count() == 0);
  QTest::mousePress(prompt.find("allow"), Qt::LeftButton);
  prompt.pass(1000);
  CHECK(prompt.allowed.count() == 1);
  QTest::mouseRelease(prompt.find("allow"), Qt::LeftButton);
  CHECK(prompt.allowed.count() == 1);
}

TEST_CASE("a hostile command of a megabyte is shown as text, and allowed only after its end was in sight") {
  Prompt prompt;
  const std::string evil = "\x1b[31m<b>free</b>\xe2\x80\xae\xe2\x80\x8b\n";
  std::string lots;
  while (lots.size() < (1 << 20)) lots += evil;
  prompt.arm(execQuestion({"git", lots, "--last"}));
  auto* exact = prompt.find<QPlainTextEdit>("exact");
  const QString shown = exact->toPlainText();
  CHECK(shown.contains("<b>free</b>"));
  CHECK(shown.contains("--last"));
  CHECK_FALSE(shown.contains(QChar(0x202e)));
  CHECK_FALSE(shown.contains(QChar(0x1b)));
  CHECK(prompt.find<QLabel>("sentence")->textFormat() == Qt::PlainText);
  CHECK_FALSE(prompt.find("allow")->isEnabled());
  CHECK(prompt.hint().contains("Read to the end"));
  exact->verticalScrollBar()->setValue(exact->verticalScrollBar()->maximum() / 2);
  prompt.settle();
  CHECK_FALSE(prompt.find("allow")->isEnabled());
  exact->moveCursor(QTextCursor::End);
  exact->ensureCursorVisible();
  prompt.settle();
  CHECK(prompt.find("allow")->isEnabled());
  // The rest of the window is what it is for a short one.
  CHECK(prompt.view.minimumSizeHint().width() < 900);
  CHECK(prompt.view.minimumSizeHint().height() < 700);
}

TEST_CASE("each longer scope shows the rule that it writes, and always needs one more click") {
  Prompt prompt;
  prompt.arm(writeQuestion());
  auto* rule = prompt.find<QPlainTextEdit>("literalRule");
  CHECK_FALSE(rule->isVisible());
  prompt.find<QRadioButton>("scope2")->click();
  prompt.settle();
  CHECK(rule->toPlainText() == "# in force in the workspace\n[[grant]]\nop = \"write\"");
  CHECK(prompt.find("allow")->isEnabled());
  prompt.find<QRadioButton>("scope3")->click();
  prompt.settle();
  CHECK(rule->toPlainText().startsWith("# in force in every run"));
  CHECK_FALSE(prompt.find("allow")->isEnabled());
  prompt.find<QAbstractButton>("sure")->click();
  prompt.settle();
  CHECK(prompt.find("allow")->isEnabled());
}

TEST_CASE("a longer scope can end earlier, and the button says so; once has no end of its own") {
  Prompt prompt;
  prompt.arm(writeQuestion());
  auto* durations = prompt.find<QComboBox>("duration");
  CHECK_FALSE(durations->isVisible());
  prompt.find<QRadioButton>("scope3")->click();
  durations->setCurrentText("for 1 hour");
  prompt.find<QAbstractButton>("sure")->click();
  prompt.settle();
  CHECK(prompt.find("allow")->text().contains("Always, for 1 hour"));
  CHECK(prompt.find<QAbstractButton>("sure")->text().contains("for 1 hour"));
  // Another duration is another thing to be sure of.
  durations->setCurrentText("for 7 days");
  prompt.settle();
  CHECK_FALSE(prompt.find("allow")->isEnabled());
  prompt.find<QRadioButton>("scope0")->click();
  CHECK_FALSE(durations->isVisible());
  CHECK(prompt.find("allow")->text() == "Allow once");
  prompt.present(writeQuestion(18));
  prompt.find<QRadioButton>("scope1")->click();
  CHECK(durations->currentIndex() == 0);
}

TEST_CASE("a wheel that passes over when it ends changes nothing") {
  QApplication::setStyle(new TargetStyle);
  Prompt prompt;
  prompt.arm(writeQuestion());
  prompt.find<QRadioButton>("scope3")->click();
  auto* durations = prompt.find<QComboBox>("duration");
  durations->setCurrentText("for 1 hour");
  durations->setFocus();
  for (const int turn : {120, -120, -120}) {
    QWheelEvent wheel(QPointF(5, 5), durations->mapToGlobal(QPointF(5, 5)), {}, QPoint(0, turn), Qt::NoButton,
                      Qt::NoModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(durations, &wheel);
    CHECK(durations->currentText() == "for 1 hour");
  }
}

TEST_CASE("what can be allowed once alone offers no more, and says why") {
  Prompt prompt;
  client::PendingItem item = writeQuestion();
  item.offers.clear();
  item.onlyOnce = "its target is too long to be shown whole";
  prompt.arm(item);
  for (const char* name : {"scope1", "scope2", "scope3"}) CHECK_FALSE(prompt.find<QRadioButton>(name)->isVisible());
}

TEST_CASE(
    "while a run has the screen, allow and change are not there, deny is, and the command for elsewhere is shown") {
  Prompt prompt;
  client::PendingItem item = writeQuestion();
  item.notInWindow = "r-1 (browser) was given the X11 socket /tmp/.X11-unix and could press the button itself";
  prompt.arm(item);
  CHECK_FALSE(prompt.find("allow")->isVisible());
  CHECK_FALSE(prompt.find("change")->isVisible());
  CHECK(prompt.find("deny")->isVisible());
  CHECK(prompt.find<QLabel>("notHere")->accessibleName().contains("ringfence allow 17 --digest"));
}

TEST_CASE("other arguments are sent only after something was changed and the screen was armed") {
  Prompt prompt;
  prompt.arm(execQuestion({"git", "push"}));
  prompt.click("change");
  prompt.pass(5000);
  prompt.movePointer();
  CHECK_FALSE(prompt.find("rewrite")->isEnabled());
  auto* table = prompt.view.findChild<QTableWidget*>("arguments");
  REQUIRE(table != nullptr);
  table->item(1, 0)->setText("status");
  prompt.settle();
  CHECK(prompt.find("rewrite")->isEnabled());
  prompt.click("rewrite");
  CHECK(prompt.rewritten.count() == 1);
}

TEST_CASE("a daemon that is not there is said, and the question stays") {
  Prompt prompt;
  prompt.arm(writeQuestion());
  prompt.click("deny");
  CHECK(QTest::qWaitFor([&] { return prompt.hint().contains("cannot be reached"); }, 20'000));
  CHECK_FALSE(prompt.view.isEmpty());
}

TEST_CASE("the phrase that the person chose stands in the prompt, and nothing where none was chosen") {
  Prompt prompt;
  prompt.present(writeQuestion());
  CHECK_FALSE(prompt.find<QLabel>("phrase")->isVisible());
  prompt.view.setPhrase("blue heron, Tuesday");
  CHECK(prompt.find<QLabel>("phrase")->isVisible());
  CHECK(prompt.find<QLabel>("phrase")->accessibleName().contains("blue heron, Tuesday"));
}

}  // namespace
}  // namespace ringfence::ui
