// The cards of all runs, as widgets for those that are in sight alone, so that hundreds of runs cost what a dozen does.
// A card belongs to its run: when places change it moves, with the focus that it has.
#pragma once

#include <QAbstractScrollArea>
#include <functional>
#include <map>
#include <string>

#include "ui/panel/run_card.h"

namespace ringfence::ui {

class CardList final : public QAbstractScrollArea {
  Q_OBJECT

 public:
  // `lastAction`: of a run, for its card.
  CardList(RunsModel& runs, std::function<QString(const std::string&)> lastAction, QWidget* parent = nullptr);

  // From the model, as it is now.
  void refresh();
  // Scrolls there, and gives it the focus.
  void chooseRow(int row);
  RunCard* cardOf(const std::string& run) const;
  std::size_t cards() const { return cards_.size(); }

 signals:
  void actWanted(ringfence::client::Client::Verb verb, const std::string& run);
  void openWanted(const QString& run);

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void scrollContentsBy(int dx, int dy) override;
  void changeEvent(QEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  RunCard* take();
  int cardHeight();
  int rowOfFocus() const;
  bool moveFocus(int key);
  void place();
  void fitWidth();
  void fitSpeech();
  void orderFocus(std::vector<RunCard*> order);
  void watchFocus(QWidget* old, QWidget* now);

  RunsModel& runs_;
  std::function<QString(const std::string&)> lastAction_;
  std::map<std::string, RunCard*> cards_;  // in sight, by run
  std::vector<RunCard*> spare_;
  std::vector<RunCard*> order_;  // in sight, from above
  RunCard::Speech speech_ = RunCard::Speech::kHidden;
  RunCard::Width width_ = RunCard::Width::kWide;
  int height_ = 0;  // 0: not known
};

}  // namespace ringfence::ui
