// How long the panel holds up its window: panel_bench [SECONDS] [RUNS] [FACTS] [FACTS_A_SECOND]
// Shows Now, History and Resources one after the other, with that many runs (a snapshot twice a second), that many
// facts in the history and that many more each second, told four times a second as the link does. Prints, of each page,
// how long the handling of one event took: all of them, and those in which the window was laid out or painted. "ms p50
// p99 most". Nothing is shown on a screen; what a graphics driver would take is not in it.
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QTimer>
#include <QTimerEvent>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "ui/panel/history_page.h"
#include "ui/panel/main_window.h"
#include "ui/panel/now_page.h"
#include "ui/panel/resources_page.h"
#include "ui/shared/target_style.h"

namespace {

using namespace ringfence;
using namespace ringfence::ui;

// Times every event that the loop hands out, with all that its handling handles.
class TimedApplication final : public QApplication {
 public:
  using QApplication::QApplication;

  std::vector<double> all, painted;  // milliseconds

  bool notify(QObject* receiver, QEvent* event) override {
    const QEvent::Type type = event->type();
    if (depth_ == 0) isPainted_ = false;
    if (type == QEvent::UpdateRequest || type == QEvent::Paint || type == QEvent::LayoutRequest) isPainted_ = true;
    QElapsedTimer timer;
    if (depth_++ == 0) timer.start();
    const bool handled = QApplication::notify(receiver, event);
    if (--depth_ > 0) return handled;
    const double took = static_cast<double>(timer.nsecsElapsed()) / 1e6;
    all.push_back(took);
    if (isPainted_) painted.push_back(took);
    return handled;
  }

 private:
  int depth_ = 0;
  bool isPainted_ = false;
};

void print(const char* page, const char* what, std::vector<double> took) {
  if (took.empty()) return;
  std::ranges::sort(took);
  const auto at = [&](double part) {
    return took[static_cast<std::size_t>(part * static_cast<double>(took.size() - 1))];
  };
  std::printf("%-10s %-8s %6zu events, ms: p50 %.2f p99 %.2f most %.2f\n", page, what, took.size(), at(0.5), at(0.99),
              took.back());
  std::fflush(stdout);
}

Snapshot snapshotAt(std::int64_t turn, int runs) {
  auto reading = std::make_shared<top::Reading>();
  reading->at = reading->wall = Microseconds(turn * 500'000);
  reading->questions.emplace();
  for (int i = 0; i < runs; ++i) {
    client::RunDetails run;
    run.id = "r-" + std::to_string(i);
    run.name = "agent " + std::to_string(i);
    run.state = i % 7 == 0 ? "frozen" : "running";
    run.priority = "background";
    run.command = {"python3", "-m", "agent", "--task", "a task with some words in it"};
    run.workspace = "/home/ada/projects/number-" + std::to_string(i);
    run.policyName = "coding";
    run.started = "1970-01-01T00:00:01.000000Z";
    client::UsageRow row{run.id, run.name, run.state, {}};
    row.usage.cpuUsec = static_cast<std::uint64_t>(turn * (100'000 + i * 500));
    row.usage.memoryBytes = static_cast<std::uint64_t>((64 + i + turn % 9) << 20);
    row.usage.ioReadBytes = row.usage.ioWriteBytes = static_cast<std::uint64_t>(turn * i * 1'000);
    reading->runs.push_back(std::move(run));
    reading->usage.rows.push_back(std::move(row));
  }
  return reading;
}

LogLines linesFrom(std::uint64_t first, std::uint64_t count, int runs) {
  LogLines lines;
  for (std::uint64_t seq = first; seq < first + count; ++seq) {
    lines.lines.push_back({.seq = seq,
                           .at = "2026-11-28T10:00:00.123456Z",
                           .run = "r-" + std::to_string(seq % static_cast<std::uint64_t>(runs)),
                           .kind = seq % 10 == 0 ? "action-denied" : "connection-opened",
                           .bodyJson = R"({"action":{"argv":[],"chain":[{"name":"python3","pid":4711}],"op":"connect",)"
                                       R"("reversible":"leaves-device","target":"host-)" +
                                       std::to_string(seq % 5'000) +
                                       R"(.example.org:443","what":"tcp"},"count":1,"guard":"egress","rule":{"file":)"
                                       R"("/usr/share/ringfence/policies/coding.toml","line":42,"text":"network"}})",
                           .hash = std::string(64, 'a')});
  }
  return lines;
}

struct Load {
  int seconds = 20, runs = 200;
  std::uint64_t facts = 100'000, factsASecond = 10'000;
};

class Feeder final : public QObject {
 public:
  Feeder(const Load& load, RunsModel& runs, FactLog& facts) : load_(load), runs_(runs), facts_(facts) {
    startTimer(250);
    seq_ = load.facts;
    facts_.take(linesFrom(1, load.facts, load.runs));
  }
  std::uint64_t told() const { return seq_; }

 protected:
  // Making up what is told is not the panel's work: it is done before, in an event of its own that is not counted.
  void timerEvent(QTimerEvent*) override {
    const std::uint64_t count = load_.factsASecond / 4;
    const LogLines lines = linesFrom(seq_ + 1, count, load_.runs);
    const Snapshot snapshot = ++turn_ % 2 == 0 ? snapshotAt(turn_ / 2, load_.runs) : nullptr;
    seq_ += count;
    QMetaObject::invokeMethod(
        this,
        [this, lines, snapshot] {
          facts_.take(lines);
          if (snapshot) runs_.show(snapshot);
        },
        Qt::QueuedConnection);
  }

 private:
  Load load_;
  RunsModel& runs_;
  FactLog& facts_;
  std::uint64_t seq_ = 0;
  std::int64_t turn_ = 0;
};

void runFor(int milliseconds) {
  QEventLoop loop;
  QTimer::singleShot(milliseconds, &loop, &QEventLoop::quit);
  loop.exec();
}

}  // namespace

int main(int argc, char** argv) {
  Load load;
  if (argc > 1) load.seconds = std::atoi(argv[1]);
  if (argc > 2) load.runs = std::atoi(argv[2]);
  if (argc > 3) load.facts = std::strtoull(argv[3], nullptr, 10);
  if (argc > 4) load.factsASecond = std::strtoull(argv[4], nullptr, 10);
  qputenv("QT_QPA_PLATFORM", "offscreen");
  qputenv("RINGFENCE_SOCKET", "/nonexistent/control.sock");
  int none = 1;
  TimedApplication application(none, argv);
  QApplication::setStyle(new TargetStyle);
  Link link;
  StopLink stop;
  RunsModel runs;
  FactLog facts(link);
  const Sources sources{link, stop, runs};
  auto* history = new HistoryPage(sources, facts);
  const char* names[] = {"Now", "History", "Resources"};
  MainWindow window(sources, {new NowPage(sources), history, new ResourcesPage(sources, facts)});
  window.resize(1200, 800);
  window.show();
  runFor(1'500);  // Until it is known that there is no daemon.
  const Feeder feeder(load, runs, facts);
  for (int page = 0; page < 3; ++page) {
    window.showPage(page);
    application.all.clear();
    application.painted.clear();
    runFor(load.seconds * 1'000);
    print(names[page], "all", application.all);
    print(names[page], "painted", application.painted);
  }
  window.showPage(1);
  application.all.clear();
  application.painted.clear();
  history->model().setFilter({.text = "host-77.example"});
  runFor(load.seconds * 1'000);
  print("searched", "all", application.all);
  std::printf(
      "%llu facts were told, %llu are kept, %d match, %d runs\n", static_cast<unsigned long long>(feeder.told()),
      static_cast<unsigned long long>(facts.end() - facts.first()), history->model().rowCount(), runs.rowCount());
  return facts.end() > 0 && runs.rowCount() == load.runs ? 0 : 1;
}
