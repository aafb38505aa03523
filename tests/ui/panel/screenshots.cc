// Pictures of every page, from a real daemon with real runs: ringfence-screenshots FOLDER [light|dark] [WIDTH]
// [LANGUAGE].
#include <QApplication>
#include <QDir>
#include <QPushButton>
#include <QTemporaryDir>
#include <cstdio>

#include "tests/support/ui_wait.h"
#include "ui/panel/launch_dialog.h"
#include "ui/panel/main_window.h"
#include "ui/panel/pages.h"
#include "ui/shared/language.h"
#include "ui/shared/target_style.h"

using namespace ringfence;
using namespace ringfence::ui;
using ringfence::test::TestDaemon;
using ringfence::test::until;

namespace {

void save(QWidget& widget, const QString& file) {
  const QImage image = widget.grab().toImage().convertToFormat(QImage::Format_RGB888);
  if (!image.save(file, "PNG", 0)) std::fprintf(stderr, "cannot write %s\n", qPrintable(file));  // 0: the smallest
}

void start(const TestDaemon& daemon, const std::string& name, const std::string& script) {
  client::Client client = daemon.connect();
  auto request = daemon.request({"/bin/sh", "-c", script});
  request.name = name;
  const auto accepted = client.run(request);
  if (const auto* failure = std::get_if<client::Failure>(&accepted))
    std::fprintf(stderr, "%s: %s\n", name.c_str(), failure->error.message.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const QTemporaryDir home;
  qputenv("XDG_CONFIG_HOME", home.path().toUtf8());
  const QStringList words = QStringList(argv + 1, argv + argc);
  QApplication application(argc, argv);
  QApplication::setOrganizationName("ringfence");
  QApplication::setApplicationName("ringfence");
  QApplication::setStyle(new TargetStyle);
  useLanguage(application, words.value(3, "en"));
  TestDaemon daemon;
  qputenv("RINGFENCE_SOCKET", daemon.socket().c_str());
  start(daemon, "webapp", "while :; do head -c 3000000 /dev/zero | sha256sum >/dev/null; sleep 0.2; done");
  start(daemon, "docs", "while :; do head -c 9000000 /dev/zero | sha256sum >/dev/null; sleep 0.9; done");
  start(daemon, "experiment", "sleep 600");
  Appearance appearance;
  appearance.setTheme(words.value(1) == "dark" ? Theme::kDark : Theme::kLight);
  Link link;
  StopLink stop;
  RunsModel runs;
  QObject::connect(&link, &Link::snapshotArrived, &runs, &RunsModel::show);
  QuestionsModel questions;
  QObject::connect(&link, &Link::questionsChanged, &questions, &QuestionsModel::take);
  FactLog facts(link);
  const Sources sources{link, stop, runs};
  const auto pages = makePages({sources, appearance, questions, facts});
  MainWindow window(sources, pages);
  connectPages(pages, window);
  window.resize(words.value(2, "1000").toInt(), 720);
  window.show();
  (void)until([&] { return runs.rowCount() == 3; });
  link.ask<client::Client::Acted>(
      &window, [run = runs.row(1).run](client::Client& asked) { return asked.act(client::Client::Verb::kFreeze, run); },
      [](const auto&) {});
  QTest::qWait(20'000);
  const QDir folder(words.value(0, "."));
  for (int i = 0; i < static_cast<int>(pages.size()); ++i) {
    window.showPage(i);
    QTest::qWait(2500);
    save(window, folder.filePath(i == 0 ? QString("panel.png") : QString("panel-%1.png").arg(i + 1)));
  }
  LaunchDialog dialog;
  dialog.show();
  QTest::qWait(1500);
  save(dialog, folder.filePath("panel-launch.png"));
  window.showPage(0);
  stop.stopAll("panel");
  QTest::qWait(2500);
  save(window, folder.filePath("panel-stopped.png"));
  return 0;
}
