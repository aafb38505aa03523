// What runs now: a card for each run, those that wait for a person first.
#pragma once

#include <map>

#include "ui/panel/page.h"
#include "ui/panel/sources.h"

class QLabel;
class QPushButton;
class QStackedWidget;

namespace ringfence::ui {

class CardList;

class NowPage final : public Page {
  Q_OBJECT

 public:
  explicit NowPage(Sources sources, QWidget* parent = nullptr);

  Kind kind() const override { return Kind::kNow; }
  QString title() const override { return tr("Now"); }
  QIcon icon() const override;
  void setSeen(bool seen) override;

 signals:
  void launchWanted();

 private:
  QWidget* buildEmpty();
  void refresh();
  void act(client::Client::Verb verb, const std::string& run);
  void takeLines(const LogLines& told);

  Sources sources_;
  std::map<std::string, QString> lastActions_;  // by run
  bool isSeen_ = false;
  CardList* cards_;
  QStackedWidget* stack_;
  QLabel* emptyTitle_;
  QLabel* emptyHow_;
  QPushButton* launch_;
  QLabel* said_;
};

}  // namespace ringfence::ui
