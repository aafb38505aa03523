// The panel with a life of its own making: agents, questions, grants and facts that are the same in every run, so that
// pictures of it can be compared. The daemon is a real one with nothing to do; what is shown is told by hand.
#pragma once

#include <QApplication>
#include <QTabWidget>
#include <QTreeWidget>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/test_daemon.h"
#include "tests/support/ui_wait.h"
#include "tests/ui/shared/prompt/questions.h"
#include "ui/panel/grants_model.h"
#include "ui/panel/main_window.h"
#include "ui/panel/pages.h"
#include "ui/panel/policy_editor.h"
#include "ui/shared/target_style.h"

namespace ringfence::test {

inline void settle() {
  for (int i = 0; i < 6; ++i) {
    QCoreApplication::sendPostedEvents();
    QCoreApplication::processEvents();
  }
}

struct LooksWorld {
  ui::Appearance& appearance;
  ui::Link link;
  ui::StopLink stop;
  ui::RunsModel runs;
  ui::QuestionsModel questions;
  ui::FactLog facts{link};
  ui::Sources sources{link, stop, runs};
  std::vector<ui::Page*> pages;
  std::optional<ui::MainWindow> window;

  // `appearance`: outlives it. RINGFENCE_SOCKET is that of the daemon.
  explicit LooksWorld(ui::Appearance& looks) : appearance(looks) {
    if (qobject_cast<ui::TargetStyle*>(QApplication::style()) == nullptr) QApplication::setStyle(new ui::TargetStyle);
    pages = ui::makePages({sources, appearance, questions, facts});
    window.emplace(sources, pages);
    ui::connectPages(pages, *window);
    window->resize(1060, 720);
    window->show();
    for (int second = 0; second < 40; ++second) tellRuns(second);
    tellQuestions();
    tellFacts();
  }

  // A page with what it shows when all is told, also that which it asks for itself.
  void showPage(std::size_t index) {
    window->showPage(static_cast<int>(index));
    settle();
    ui::Page* page = pages[index];
    for (auto* model : page->findChildren<ui::GrantsModel*>()) {
      page->setSeen(false);  // What it asks for itself would replace what is told here.
      model->show(grants());
    }
    if (auto* table = page->findChild<QTreeWidget*>(); table != nullptr && page->findChild<QTabWidget*>() == nullptr)
      (void)until([&] { return table->topLevelItemCount() > 0 || table->isHidden(); });
    if (auto* editor = page->findChild<ui::PolicyEditor*>(); editor != nullptr) {
      auto* list = page->findChild<QTreeWidget*>();
      if (list->topLevelItemCount() > 0) list->setCurrentItem(list->topLevelItem(0));
      (void)until([&] { return !editor->toPlainText().isEmpty(); });
    }
    settle();
  }

  static client::RunDetails runOf(const std::string& name, const std::string& state) {
    client::RunDetails run;
    run.id = "r-" + name;
    run.name = name;
    run.state = state;
    run.priority = "interactive";
    run.policyName = "coding";
    run.workspace = "/home/ada/" + name;
    run.command = {"claude", "--model", "opus", "-p", "write the tests of the parser and run them"};
    run.started = "2026-11-28T09:48:12.000000Z";
    for (const char* wall : {"mount", "pid", "net", "landlock", "seccomp"})
      run.walls.push_back({.wall = wall, .wanted = "required", .got = "required", .proved = "probe", .up = true});
    return run;
  }

  void tellRuns(int second) {
    auto reading = std::make_shared<top::Reading>();
    reading->at = std::chrono::seconds(1 + second);
    reading->wall = std::chrono::microseconds(1'795'860'000'000'000) + std::chrono::seconds(second);
    reading->questions.emplace();
    (*reading->questions)["r-webapp"] = 2;
    auto webapp = runOf("webapp", "running"), docs = runOf("docs", "running"), trial = runOf("experiment", "frozen");
    webapp.says = "Runs the tests of the parser";
    trial.held =
        client::HeldBy{.governor = true, .reason = "memory is short", .since = "", .by = "governor", .cause = ""};
    docs.weakened = {{"landlock", "this kernel has it not"}};
    reading->runs = {webapp, docs, trial};
    std::uint64_t load = 1;
    for (const client::RunDetails& run : reading->runs) {
      client::UsageRow row;
      row.run = run.id;
      const auto passed = static_cast<std::uint64_t>(second) * load;
      row.usage.cpuUsec = passed * 300'000 + (second % 7) * 50'000u;
      row.usage.memoryBytes = (200 + passed * 3) << 20;
      row.usage.ioReadBytes = passed << 18;
      row.usage.ioWriteBytes = passed << 17;
      row.usage.networkSentBytes = passed << 10;
      row.usage.networkReceivedBytes = passed << 14;
      if (load == 1) row.usage.tokens = 48'000;
      reading->usage.rows.push_back(row);
      ++load;
    }
    client::Device device;
    device.cpus = 8;
    device.cpuBusyUsec = static_cast<std::uint64_t>(second) * 3'000'000;
    device.memoryTotalBytes = 16ull << 30;
    device.memoryAvailableBytes = 9ull << 30;
    reading->usage.device = device;
    runs.show(reading);
  }

  void tellQuestions() {
    std::vector<client::PendingEvent> events;
    client::PendingItem write = ui::test::writeQuestion(17, "/home/ada/Documents/taxes/2026.ods");
    client::PendingItem push = ui::test::execQuestion({"git", "push", "--force", "origin", "main"});
    push.id = 18;
    for (client::PendingItem* item : {&write, &push}) {
      item->run = "r-webapp";
      item->runName = "webapp";
      events.emplace_back(*item);
    }
    questions.take(events, true);
  }

  void tellFacts() {
    std::ifstream file(RINGFENCE_SOURCE_DIR "/tests/golden/facts.jsonl");
    ui::LogLines lines;
    for (std::string line; std::getline(file, line);) {
      const auto blank = line.find(' ');
      lines.lines.push_back({.seq = 1'000'000 + lines.lines.size(),
                             .at = "2026-11-28T10:00:00.123456Z",
                             .run = "r-webapp",
                             .kind = line.substr(0, blank),
                             .bodyJson = line.substr(blank + 1),
                             .hash = "aa"});
    }
    facts.take(lines);
    (void)until([this] { return !facts.isCatchingUp(); });
  }

  static std::vector<client::GrantRow> grants() {
    std::vector<client::GrantRow> rows(3);
    const client::Scope scopes[] = {client::Scope::kRun, client::Scope::kProject, client::Scope::kAlways};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].id = i + 1;
      rows[i].scope = scopes[i];
      rows[i].run = "r-webapp";
      rows[i].workspace = "/home/ada/webapp";
      rows[i].operation = client::Operation::kWrite;
      rows[i].target = "/home/ada/Documents/" + std::to_string(i);
      rows[i].policyText = "[[grant]]\nop = \"write\"\n";
      rows[i].issued = "2026-11-28T09:50:00.000000Z";
      rows[i].hits = 3 * i;
    }
    return rows;
  }
};

}  // namespace ringfence::test
