#include <QApplication>

#include "ui/panel/main_window.h"

int main(int argc, char** argv) {
  using namespace ringfence::ui;
  QApplication application(argc, argv);
  QApplication::setApplicationName("ringfence-panel");
  QApplication::setDesktopFileName("ringfence-panel");
  QApplication::setApplicationVersion(RINGFENCE_VERSION);
  Link link;
  StopLink stop;
  RunsModel runs;
  QObject::connect(&link, &Link::snapshotArrived, &runs, &RunsModel::show);
  MainWindow window({link, stop, runs}, {});
  window.show();
  return QApplication::exec();
}
