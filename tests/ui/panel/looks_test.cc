// A picture of every page, light and dark, in English and Chinese, wide and as narrow as a phone, judged by its parts:
// nothing here depends on how a font is drawn. The same tests run at one and at two pixels a point (QT_SCALE_FACTOR),
// and each picture is compared, part by part, with one of the other size. With RINGFENCE_PICTURES=FOLDER they are
// written there, to be looked at.
#include <QComboBox>
#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTabWidget>
#include <QTranslator>
#include <QTreeView>
#include <catch2/catch_all.hpp>

#include "tests/ui/panel/looks_check.h"
#include "tests/ui/panel/looks_world.h"
#include "ui/panel/bar.h"
#include "ui/panel/card_list.h"
#include "ui/panel/history_page.h"
#include "ui/panel/launch_dialog.h"
#include "ui/panel/plots/time_series.h"
#include "ui/panel/stopped_page.h"

using namespace ringfence;
using namespace ringfence::ui;
using namespace ringfence::test;

namespace {

// One for all tests: making it takes longer than looking at what it shows.
TestDaemon& daemonOfAll() {
  static TestDaemon daemon;
  qputenv("RINGFENCE_SOCKET", daemon.socket().c_str());
  qputenv("RINGFENCE_POLICY_DIR", RINGFENCE_SOURCE_DIR "/policy/profiles");
  return daemon;
}

struct Language {
  explicit Language(const QString& name) {
    REQUIRE(own.load(":/translations/ringfence_" + name + ".qm"));
    QCoreApplication::installTranslator(&own);
  }
  ~Language() { QCoreApplication::removeTranslator(&own); }
  QTranslator own;
};

// What each page is for: at least these are there, can be seen, and hold something.
std::vector<const QWidget*> partsOf(const Page& page) {
  const QString kind = page.metaObject()->className();
  const auto of = [&](auto* part) { return static_cast<const QWidget*>(part); };
  const auto button = [&](const char* name) { return of(page.findChild<QPushButton*>(name)); };
  if (kind.endsWith("NowPage")) return {of(page.findChild<CardList*>())};
  if (kind.endsWith("InboxPage"))
    return {of(page.findChild<QListView*>("questions")), button("deny"), button("allow"),
            of(page.findChild<QLabel*>("sentence")), of(page.findChild<QPlainTextEdit*>("exact"))};
  if (kind.endsWith("AgentPage")) return {of(page.findChild<QComboBox*>()), of(page.findChild<QTabWidget*>())};
  if (kind.endsWith("GrantsPage")) return {of(page.findChild<QTreeView*>("grants")), button("revoke")};
  if (kind.endsWith("PoliciesPage")) return {of(page.findChild<QTreeView*>()), of(page.findChild<QLineEdit*>())};
  if (kind.endsWith("ResourcesPage")) return {of(page.findChild<TimeSeriesPlot*>()), of(page.findChild<QTreeView*>())};
  if (kind.endsWith("HistoryPage"))
    return {of(page.findChild<QTreeView*>()), of(page.findChild<QLineEdit*>()), button("export")};
  if (kind.endsWith("SettingsPage"))
    return {of(page.findChild<QComboBox*>()), of(page.findChild<QLineEdit*>("phraseLine"))};
  if (kind.endsWith("DoctorPage")) return {of(page.findChild<QTreeView*>()), of(page.findChild<QPushButton*>())};
  FAIL("a page without parts: " << kind.toStdString());
  return {};
}

void checkFrame(const MainWindow& window, const Page& page, bool isNarrow) {
  const auto* bar = window.findChild<Bar*>();
  const auto* rail = window.findChild<Rail*>();
  const QRect barAt = placeOf(*bar), railAt = placeOf(*rail), pageAt = placeOf(page);
  CHECK(barAt.top() == 0);
  CHECK(barAt.width() == window.width());
  CHECK(pageAt.top() > barAt.bottom());
  if (isNarrow) {
    CHECK(railAt.bottom() == window.height() - 1);
    CHECK(railAt.top() > pageAt.bottom());
  } else {
    CHECK(railAt.left() == 0);
    CHECK(railAt.right() < pageAt.left());
    CHECK(railAt.top() > barAt.bottom());
  }
  CHECK(pageAt.width() * pageAt.height() > window.width() * window.height() / 2);
  const QRect stop = placeOf(*bar->firstControl());
  CHECK(barAt.contains(stop));
  CHECK(stop.right() > window.width() * 3 / 4);  // Always where it was.
}

void checkPicture(QWidget& window, const Picture& picture) {
  const Picture other = pictureAt(window, picture.scale == 1 ? 2 : 1);
  for (const QStringList& wrong :
       {misplaced(window), cutOff(window), faint(window, picture), different(window, picture, other)}) {
    INFO(wrong.join("\n").toStdString());
    CHECK(wrong.isEmpty());
  }
}

void keep(const Picture& picture, const QString& name) {
  const QString folder = qEnvironmentVariable("RINGFENCE_PICTURES");
  if (folder.isEmpty()) return;
  picture.image.save(QDir(folder).filePath(QString("%1-%2x.png").arg(name).arg(picture.scale)));
}

struct Size {
  const char* name;
  QSize size;
  bool isNarrow;
};
constexpr Size kSizes[] = {{"wide", {1060, 720}, false}, {"narrow", {360, 800}, true}};

std::string leastSizes(const LooksWorld& world) {
  QString told;
  for (const Page* page : world.pages) {
    const QSize least = page->minimumSizeHint();
    told += QString("%1 %2×%3\n").arg(page->metaObject()->className()).arg(least.width()).arg(least.height());
  }
  return told.toStdString();
}

// As a person does: the window is laid out for fingers once it is narrow, and can then be made narrower still.
void fit(LooksWorld& world, const Size& size) {
  if (size.isNarrow) {
    world.window->resize(690, size.size.height());
    for (std::size_t i = 0; i < world.pages.size(); ++i) world.showPage(i);
  }
  for (int i = 0; i < 3; ++i) {
    world.window->resize(size.size);
    settle();
  }
}

void lookAtPages(LooksWorld& world, const QString& language) {
  for (const Size& size : kSizes) {
    fit(world, size);
    for (std::size_t i = 0; i < world.pages.size(); ++i) {
      world.appearance.setTheme(Theme::kLight);
      world.showPage(i);
      const Page& page = *world.pages[i];
      std::map<QString, QRect> layout;
      for (const Theme theme : {Theme::kLight, Theme::kDark}) {
        world.appearance.setTheme(theme);
        settle();
        const Picture picture = pictureOf(*world.window);
        const QString kind = QString(page.metaObject()->className()).section(':', -1);
        const QString name =
            QString("%1-%2-%3-%4").arg(kind, size.name, language, theme == Theme::kLight ? "light" : "dark");
        keep(picture, name);
        INFO(name.toStdString());
        {
          INFO("the least sizes of pages:\n" << leastSizes(world));
          INFO(widerThan(*world.window, size.size.width()).join("\n").toStdString());
          CHECK(world.window->size() == size.size);
        }
        CHECK(picture.image.size() == size.size * picture.scale);
        checkFrame(*world.window, page, size.isNarrow);
        checkPicture(*world.window, picture);
        for (const QWidget* part : partsOf(page)) {
          REQUIRE(part != nullptr);
          INFO(part->metaObject()->className() << " " << part->objectName().toStdString());
          CHECK_FALSE(placeOf(*part).isEmpty());
          CHECK(inkIn(placeOf(*part), picture) > 0.001);
        }
        if (theme == Theme::kLight) layout = layoutOf(*world.window);
        if (theme == Theme::kDark) CHECK(layout == layoutOf(*world.window));
      }
    }
  }
  world.appearance.setTheme(Theme::kLight);
}

}  // namespace

TEST_CASE("every page has its parts where they belong, whole and told from their ground, in English") {
  (void)daemonOfAll();
  const Language language("en");
  Appearance appearance;
  LooksWorld world(appearance);
  lookAtPages(world, "en");
}

TEST_CASE("every page has its parts where they belong, whole and told from their ground, in Chinese") {
  (void)daemonOfAll();
  const Language language("zh_CN");
  Appearance appearance;
  LooksWorld world(appearance);
  lookAtPages(world, "zh_CN");
}

TEST_CASE("the page that says that all is frozen, and the dialog that starts an agent, are looked at likewise") {
  (void)daemonOfAll();
  for (const char* name : {"en", "zh_CN"}) {
    const Language language(name);
    Appearance appearance;
    for (const Theme theme : {Theme::kLight, Theme::kDark}) {
      appearance.setTheme(theme);
      const QString suffix = QString("%1-%2").arg(name, theme == Theme::kLight ? "light" : "dark");
      INFO(suffix.toStdString());
      {
        LooksWorld world(appearance);
        auto reading = std::make_shared<top::Reading>();
        reading->at = std::chrono::seconds(60);
        reading->questions.emplace();
        reading->runs = {LooksWorld::runOf("webapp", "frozen"), LooksWorld::runOf("docs", "frozen")};
        reading->stop.latched = true;
        reading->stop.trigger = "keys";
        world.runs.show(reading);
        for (const Size& size : kSizes) {
          fit(world, size);
          emit world.window->findChild<Bar*>()->stateWanted();  // Leads back to it.
          settle();
          CHECK_FALSE(placeOf(*world.window->findChild<StoppedPage*>()).isEmpty());
          const Picture picture = pictureOf(*world.window);
          keep(picture, QString("Stopped-%1-%2").arg(size.name, suffix));
          INFO(size.name);
          checkPicture(*world.window, picture);
        }
      }
      LaunchDialog dialog;
      dialog.show();
      const auto* policies = dialog.findChildren<QComboBox*>().at(1);
      CHECK(until([&] { return policies->count() > 0; }));
      settle();
      const Picture picture = pictureOf(dialog);
      keep(picture, "Launch-" + suffix);
      checkPicture(dialog, picture);
    }
  }
}
