#include <QApplication>
#include <QSettings>

#include "ui/panel/main_window.h"
#include "ui/panel/pages.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/language.h"
#include "ui/shared/target_style.h"

int main(int argc, char** argv) {
  using namespace ringfence::ui;
  QApplication application(argc, argv);
  QApplication::setOrganizationName("ringfence");
  QApplication::setApplicationName("ringfence");
  QApplication::setDesktopFileName("ringfence-panel");
  QApplication::setApplicationVersion(RINGFENCE_VERSION);
  QApplication::setWindowIcon(QIcon::fromTheme("ringfence", glyphIcon(Glyph::kStopped)));
  QApplication::setStyle(new TargetStyle);
  useLanguage(application, QSettings().value("language").toString());
  Appearance appearance;
  Link link;
  StopLink stop;
  RunsModel runs;
  QObject::connect(&link, &Link::snapshotArrived, &runs, &RunsModel::show);
  QuestionsModel questions;
  QObject::connect(&link, &Link::questionsChanged, &questions, &QuestionsModel::take);
  FactLog facts(link);
  const Sources sources{link, stop, runs};
  const std::vector<Page*> pages = makePages({sources, appearance, questions, facts});
  MainWindow window(sources, pages);
  connectPages(pages, window);
  addZoomKeys(window, appearance);
  QSettings settings;
  window.resize(settings.value("window", QSize(1060, 720)).toSize());
  // Whoever starts it first sees what this machine can give.
  if (!settings.value("wasStarted", false).toBool()) window.showPage(Page::Kind::kDoctor);
  settings.setValue("wasStarted", true);
  window.show();
  const int status = QApplication::exec();
  settings.setValue("window", window.size());
  return status;
}
