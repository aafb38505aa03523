// Every page at every width, zoom, direction and with texts 40 % longer: what can have the focus has a name, what can
// be pressed is large enough, and no text is cut off.
#include <QAbstractButton>
#include <QAbstractSpinBox>
#include <QAccessible>
#include <QApplication>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QSettings>
#include <QTest>
#include <QTranslator>

#include <QToolButton>
#include <catch2/catch_all.hpp>

#include "tests/support/ui_wait.h"
#include "ui/panel/launch_dialog.h"
#include "ui/panel/main_window.h"
#include "ui/panel/pages.h"
#include "ui/shared/target_style.h"

using namespace ringfence;
using namespace ringfence::ui;

namespace {

// The panel without a daemon, with what one would tell.
struct Panel {
  Appearance appearance;
  Link link;
  StopLink stop;
  RunsModel runs;
  QuestionsModel questions;
  FactLog facts{link};
  Sources sources{link, stop, runs};
  std::vector<Page*> pages;
  std::optional<MainWindow> window;

  Panel() {
    qputenv("RINGFENCE_SOCKET", "/nonexistent/control.sock");
    if (qobject_cast<TargetStyle*>(QApplication::style()) == nullptr) QApplication::setStyle(new TargetStyle);
    pages = makePages({sources, appearance, questions, facts});
    window.emplace(sources, pages);
    connectPages(pages, *window);
    addZoomKeys(*window, appearance);
  }
  void show(const std::string& name) {
    auto reading = std::make_shared<top::Reading>();
    reading->at = std::chrono::seconds(1);
    reading->questions.emplace();
    for (const char* state : {"running", "frozen", "stopping"}) {
      client::RunDetails run;
      run.id = std::string("run-") + state;
      run.name = name;
      run.state = state;
      run.policyName = name;
      run.workspace = "/home/ada/" + name;
      run.command = {"/bin/sh", name};
      run.weakened = {{name, name}};
      reading->runs.push_back(std::move(run));
    }
    (*reading->questions)["run-running"] = 2;
    runs.show(reading);
  }
};

bool isInner(const QWidget* widget) {
  const QString name = widget->objectName();
  return name.startsWith("qt_") || qobject_cast<const QComboBox*>(widget->parentWidget()) != nullptr ||
         qobject_cast<const QAbstractSpinBox*>(widget->parentWidget()) != nullptr;
}

QString nameOf(QWidget* widget) {
  QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(widget);
  return interface != nullptr ? interface->text(QAccessible::Name) : QString();
}

void checkWidgets(QWidget* root, int leastTarget) {
  for (QWidget* widget : root->findChildren<QWidget*>()) {
    if (!widget->isVisible() || isInner(widget)) continue;
    INFO(widget->metaObject()->className() << " '" << nameOf(widget).toStdString() << "'");
    if (widget->focusPolicy() != Qt::NoFocus && qobject_cast<QLabel*>(widget) == nullptr)
      CHECK_FALSE(nameOf(widget).isEmpty());
    const auto* button = qobject_cast<QAbstractButton*>(widget);
    if (button != nullptr) {
      CHECK(button->height() >= leastTarget);
      CHECK(button->width() >= leastTarget);
      CHECK(button->width() >= button->minimumSizeHint().width());
      const auto* tool = qobject_cast<const QToolButton*>(widget);
      if (tool == nullptr || tool->toolButtonStyle() != Qt::ToolButtonIconOnly)
        CHECK(button->fontMetrics().horizontalAdvance(button->text().remove('&')) <= button->width());
    }
    if (qobject_cast<QLineEdit*>(widget) != nullptr || qobject_cast<QComboBox*>(widget) != nullptr)
      CHECK(widget->height() >= leastTarget);
    if (const auto* label = qobject_cast<QLabel*>(widget); label != nullptr && !label->text().isEmpty()) {
      CHECK((label->textFormat() == Qt::PlainText || label->buddy() != nullptr));  // Words of ours before a field.
      CHECK(label->height() >= label->fontMetrics().height());
    }
  }
}

// Layouts are made when events are handled, one in the other.
void settle() {
  for (int i = 0; i < 6; ++i) {
    QCoreApplication::sendPostedEvents();
    QCoreApplication::processEvents();
  }
}

void checkPages(Panel& panel, int width, int leastTarget) {
  panel.window->resize(width, 800);
  panel.window->show();
  for (int i = 0; i < static_cast<int>(panel.pages.size()); ++i) {
    panel.window->showPage(i);
    settle();
    INFO("page " << panel.pages[static_cast<std::size_t>(i)]->title().toStdString() << ", " << width << " wide");
    checkWidgets(&*panel.window, leastTarget);
  }
}

}  // namespace

TEST_CASE("what can have the focus has a name, what can be pressed is large enough, and no text is cut off") {
  Panel panel;
  panel.show("webapp");
  checkPages(panel, 1100, kLeastTarget);
  checkPages(panel, 420, kLeastTouchTarget);
  checkPages(panel, 360, kLeastTouchTarget);
  CHECK(panel.window->width() == 360);  // Nothing in it needs more.
}

TEST_CASE("the same at the least and the greatest zoom, and from right to left") {
  Panel panel;
  panel.show("webapp");
  for (const int zoom : {Appearance::kLeastZoom, Appearance::kMostZoom}) {
    panel.appearance.setZoom(zoom);
    checkPages(panel, 1400, kLeastTarget);
  }
  panel.appearance.setZoom(100);
  QApplication::setLayoutDirection(Qt::RightToLeft);
  checkPages(panel, 1100, kLeastTarget);
  checkPages(panel, 420, kLeastTouchTarget);
  const auto* rail = panel.window->findChild<Rail*>();
  panel.window->resize(1100, 800);
  CHECK(test::until([&] { return rail->x() > panel.window->width() / 2; }));
  QApplication::setLayoutDirection(Qt::LeftToRight);
}

TEST_CASE("the same with every text 40 % longer, and every text comes from a translation") {
  QTranslator longer;
  REQUIRE(longer.load(RINGFENCE_PSEUDO_LOCALE));
  QCoreApplication::installTranslator(&longer);
  {
    Panel panel;
    panel.show("webapp");
    checkPages(panel, 1300, kLeastTarget);
    checkPages(panel, 480, kLeastTouchTarget);
    for (const auto* button : panel.window->findChildren<QAbstractButton*>()) {
      INFO(button->text().toStdString());
      if (!isInner(button) && !button->text().isEmpty() && !button->text().at(0).isDigit())
        CHECK(button->text().startsWith('['));
    }
  }
  QCoreApplication::removeTranslator(&longer);
}

TEST_CASE("the launch dialog has names for everything, and says what is missing") {
  if (qobject_cast<TargetStyle*>(QApplication::style()) == nullptr) QApplication::setStyle(new TargetStyle);
  LaunchDialog dialog;
  dialog.show();
  settle();
  checkWidgets(&dialog, kLeastTarget);
}

TEST_CASE("names that would hide, reorder or imitate text, or fill a screen, are shown as text") {
  Panel panel;
  const std::string hostile =
      "\x1b[31mred\x1b[0m <b>bold</b> \u202egnp.exe\u202c zero\u200bwidth \u2066iso\u2069\r\n\u0007";
  for (const std::string& name : {hostile, hostile + std::string(1024 * 1024, 'x')}) {
    panel.show(name);
    checkPages(panel, 1100, kLeastTarget);
    CHECK(panel.window->width() == 1100);
    panel.window->showPage(Page::Kind::kNow);
    CHECK_FALSE(panel.window->grab().isNull());
    for (QWidget* widget : panel.window->findChildren<QWidget*>()) {
      const auto* label = qobject_cast<QLabel*>(widget);
      const QString shown =
          nameOf(widget) + widget->accessibleDescription() + (label != nullptr ? label->text() : QString());
      for (const QChar c : shown) {
        const bool hides = c == QChar(0x202e) || c == QChar(0x2066) || c == QChar(0x1b) || c == QChar(7);
        if (hides) FAIL(shown.toStdString());
      }
      CHECK_FALSE(shown.contains(QString::fromUtf8("zero\u200bwidth")));  // Elsewhere it is ours: a line may end there.
      CHECK(shown.size() < 20'000);
      CHECK_FALSE(widget->toolTip().contains("<b>"));
    }
  }
}

TEST_CASE("zoom and theme are kept, and zoom has its keys") {
  const QFont plain = QApplication::font();
  {
    Panel panel;
    panel.window->show();
    panel.window->activateWindow();
    REQUIRE(test::until([&] { return panel.window->isActiveWindow(); }));
    const double before = QApplication::font().pointSizeF();
    QTest::keyClick(&*panel.window, Qt::Key_Plus, Qt::ControlModifier);
    CHECK(panel.appearance.zoom() == 110);
    CHECK(QApplication::font().pointSizeF() > before);
    panel.appearance.setZoom(1000);
    CHECK(panel.appearance.zoom() == Appearance::kMostZoom);
    panel.appearance.setTheme(Theme::kDark);
    CHECK(isDark(QApplication::palette()));
  }
  QApplication::setFont(plain);
  Appearance again;
  CHECK(again.zoom() == Appearance::kMostZoom);
  CHECK(again.theme() == Theme::kDark);
  again.setTheme(Theme::kLight);
  CHECK_FALSE(isDark(QApplication::palette()));
  again.setTheme(Theme::kSystem);
  again.setZoom(100);
}
