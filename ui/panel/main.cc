#include <QApplication>

#include "ui/panel/grants_page.h"
#include "ui/panel/history_page.h"
#include "ui/panel/inbox_page.h"
#include "ui/panel/main_window.h"
#include "ui/panel/now_page.h"
#include "ui/shared/target_style.h"

int main(int argc, char** argv) {
  using namespace ringfence::ui;
  QApplication application(argc, argv);
  QApplication::setApplicationName("ringfence-panel");
  QApplication::setDesktopFileName("ringfence-panel");
  QApplication::setApplicationVersion(RINGFENCE_VERSION);
  QApplication::setStyle(new TargetStyle);
  Link link;
  StopLink stop;
  RunsModel runs;
  QObject::connect(&link, &Link::snapshotArrived, &runs, &RunsModel::show);
  QuestionsModel questions;
  QObject::connect(&link, &Link::questionsChanged, &questions, &QuestionsModel::take);
  FactLog facts(link);
  const Sources sources{link, stop, runs};
  MainWindow window(sources, {
                                 new NowPage(sources),
                                 new InboxPage(sources, questions),
                                 new GrantsPage(sources),
                                 new HistoryPage(sources, facts),
                             });
  window.resize(1000, 700);
  window.show();
  return QApplication::exec();
}
