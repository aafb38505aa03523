// Agent: everything about one run, on tabs: what it did, where it connected, what it uses, its rules, what it wrote.
#pragma once

#include <vector>

#include "ui/panel/page.h"
#include "ui/panel/press_guard.h"
#include "ui/panel/sources.h"
#include "ui/shared/fact_log.h"

class QComboBox;
class QLabel;
class QPushButton;
class QTabWidget;

namespace ringfence::ui {

class AgentTab;

class AgentPage final : public Page {
  Q_OBJECT

 public:
  AgentPage(Sources sources, FactLog& facts);

  Kind kind() const override { return Kind::kAgent; }
  QString title() const override;
  QIcon icon() const override;
  void setSeen(bool seen) override;
  void showRun(const QString& run) override;

  // "": none.
  const std::string& run() const { return run_; }

 private:
  QWidget* buildHead();
  void addTab(AgentTab* tab, const QString& title);
  void listen();
  void listRuns();
  void choose(const std::string& run);
  void refresh();
  void show(const client::RunDetails& details);
  void askDetails();
  void askPrice();
  void showHold(const top::Row& row);
  void act(client::Client::Verb verb);
  void tellTabs();

  Sources sources_;
  FactLog& facts_;
  std::string run_;
  std::string holdsRun_;         // that the buttons are about
  client::Client::Verb hold_{};  // what the button that pauses does
  PressGuard guard_;
  bool isSeen_ = false;
  bool isAsked_ = false;  // for what the snapshots do not have
  QComboBox* runs_;
  QLabel *state_, *place_, *walls_, *said_;
  QPushButton *pause_, *goOn_, *stop_, *price_;
  QTabWidget* tabs_;
  std::vector<AgentTab*> parts_;
  AgentTab* seenPart_ = nullptr;
};

}  // namespace ringfence::ui
