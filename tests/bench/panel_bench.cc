// How long the panel holds up its window: panel_bench [SECONDS] [RUNS] [FACTS] [FACTS_A_SECOND] [values | LIMIT]
// Shows the pages that follow agents one after the other, with that many runs (a snapshot twice a second), that many
// facts in the history and that many more each second, told four times a second as the link does. Prints, of each page,
// how long the handling of one event took: all of them, and those in which the window was laid out or painted. "ms p50
// p99 most". With "values" one line of JSON a page with every frame; with a LIMIT in milliseconds it fails when one
// frame of a hundred takes longer, or any event five times as long. Nothing is shown on a screen; what a graphics
// driver would take is not in it.
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QTemporaryDir>
#include <QTimer>
#include <QTimerEvent>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "ui/panel/history_page.h"
#include "ui/panel/main_window.h"
#include "ui/panel/pages.h"
#include "ui/shared/target_style.h"

namespace {

using namespace ringfence;
using namespace ringfence::ui;

// Times every event that the loop hands out, with all that its handling handles.
class TimedApplication final : public QApplication {
 public:
  using QApplication::QApplication;

  std::vector<double> all, painted;  // milliseconds
  const QObject* source = nullptr;   // whose timer is not the panel's

  void begin() {
    all.clear();
    painted.clear();
  }

  bool notify(QObject* receiver, QEvent* event) override {
    const QEvent::Type type = event->type();
    const bool isSource = receiver == source && type == QEvent::Timer;
    if (depth_ == 0) isPainted_ = false;
    if (type == QEvent::UpdateRequest || type == QEvent::Paint || type == QEvent::LayoutRequest) isPainted_ = true;
    QElapsedTimer timer;
    if (depth_++ == 0) timer.start();
    const bool handled = QApplication::notify(receiver, event);
    if (--depth_ > 0 || isSource) return handled;
    const double took = static_cast<double>(timer.nsecsElapsed()) / 1e6;
    all.push_back(took);
    if (isPainted_) painted.push_back(took);
    return handled;
  }

 private:
  int depth_ = 0;
  bool isPainted_ = false;
};

double at(const std::vector<double>& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

struct Report {
  bool areValues = false;
  double limit = 0;  // milliseconds; 0: none
  bool isKept = true;

  void tell(const char* page, std::vector<double> all, std::vector<double> painted) {
    if (painted.empty()) return give(page, "was not painted");
    if (areValues) return list(page, all, painted);
    print(page, "all", all);
    print(page, "painted", painted);
    if (limit > 0 && at(painted, 0.99) > limit) give(page, "has frames that take too long");
    if (limit > 0 && all.back() > 5 * limit) give(page, "stood still");
  }

 private:
  void give(const char* page, const char* what) {
    std::fprintf(stderr, "panel_bench: %s %s\n", page, what);
    isKept = false;
  }
  static void print(const char* page, const char* what, std::vector<double>& took) {
    std::ranges::sort(took);
    std::printf("%-10s %-8s %6zu events, ms: p50 %.2f p99 %.2f most %.2f\n", page, what, took.size(), at(took, 0.5),
                at(took, 0.99), took.back());
    std::fflush(stdout);
  }
  static void list(const char* page, const std::vector<double>& all, const std::vector<double>& painted) {
    std::printf(R"({"page": "%s", "longest_ms": %.3f, "painted_ms": [)", page, *std::ranges::max_element(all));
    for (const double& took : painted) std::printf("%s%.3f", &took == painted.data() ? "" : ", ", took);
    std::printf("]}\n");
  }
};

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
  Feeder(const Load& load, Link& link) : load_(load), link_(link), seq_(load.facts) { startTimer(250); }
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
          emit link_.linesArrived(lines);
          if (snapshot) emit link_.snapshotArrived(snapshot);
        },
        Qt::QueuedConnection);
  }

 private:
  Load load_;
  Link& link_;
  std::uint64_t seq_;
  std::int64_t turn_ = 0;
};

void runFor(int milliseconds) {
  QEventLoop loop;
  QTimer::singleShot(milliseconds, &loop, &QEventLoop::quit);
  loop.exec();
}

// Nobody's settings, no desktop, no daemon.
void standAlone(const QTemporaryDir& folder) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  qputenv("XDG_CONFIG_HOME", folder.path().toUtf8());
  for (const char* name : {"RINGFENCE_SOCKET", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"}) {
    const bool isBus = name[0] == 'D';
    qputenv(name, (isBus ? "unix:path=" : "") + folder.filePath("nobody").toUtf8());
  }
}

struct Panel {
  Appearance appearance;
  Link link;
  StopLink stop;
  RunsModel runs;
  QuestionsModel questions;
  FactLog facts{link};
  Sources sources{link, stop, runs};
  std::vector<Page*> pages = makePages({sources, appearance, questions, facts});
  MainWindow window{sources, pages};

  Panel() {
    QObject::connect(&link, &Link::snapshotArrived, &runs, &RunsModel::show);
    window.resize(1200, 800);
    window.show();
  }
  HistoryPage& show(const char* title) {
    HistoryPage* history = nullptr;
    for (std::size_t i = 0; i < pages.size(); ++i) {
      if (pages[i]->title() == QLatin1String(title)) window.showPage(static_cast<int>(i));
      if (auto* page = qobject_cast<HistoryPage*>(pages[i])) history = page;
    }
    return *history;
  }
};

}  // namespace

int main(int argc, char** argv) {
  Load load;
  Report report;
  if (argc > 1) load.seconds = std::atoi(argv[1]);
  if (argc > 2) load.runs = std::atoi(argv[2]);
  if (argc > 3) load.facts = std::strtoull(argv[3], nullptr, 10);
  if (argc > 4) load.factsASecond = std::strtoull(argv[4], nullptr, 10);
  if (argc > 5) report.areValues = std::string(argv[5]) == "values";
  if (argc > 5) report.limit = std::atof(argv[5]);
  const QTemporaryDir folder;
  standAlone(folder);
  int none = 1;
  TimedApplication application(none, argv);
  QApplication::setStyle(new TargetStyle);
  Panel panel;
  runFor(1'500);  // Until it is known that there is no daemon.
  panel.facts.take(linesFrom(1, load.facts, load.runs));
  while (panel.facts.isCatchingUp()) runFor(100);
  Feeder feeder(load, panel.link);
  application.source = &feeder;
  for (const char* title : {"Now", "Agent", "Resources", "History"}) {
    application.begin();
    panel.show(title);
    runFor(load.seconds * 1'000);
    report.tell(title, application.all, application.painted);
  }
  application.begin();
  HistoryPage& history = panel.show("History");
  history.model().setFilter({.text = "host-77.example"});
  runFor(load.seconds * 1'000);
  report.tell("a search in History", application.all, application.painted);
  const auto kept = static_cast<unsigned long long>(panel.facts.end() - panel.facts.first());
  if (!report.areValues) {
    std::printf("%llu facts were told, %llu are kept, %d match, %d runs\n",
                static_cast<unsigned long long>(feeder.told()), kept, history.model().rowCount(),
                panel.runs.rowCount());
  }
  return report.isKept && kept >= load.facts && panel.runs.rowCount() == load.runs ? 0 : 1;
}
