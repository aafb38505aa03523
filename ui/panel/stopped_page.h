// "Everything is frozen": what the stop did, each run with what can be done with it, and the deliberate act that ends
// the emergency. Nothing resumes by itself.
#pragma once

#include <QWidget>
#include <optional>

#include "ui/panel/sources.h"
#include "ui/panel/stop_facts.h"

class QLabel;

namespace ringfence::ui {

class CardList;
class HoldButton;

class StoppedPage final : public QWidget {
  Q_OBJECT

 public:
  explicit StoppedPage(Sources sources, QWidget* parent = nullptr);

  // Of the stop that is in force; the daemon need not be there.
  void showStop(const StopFacts& facts);
  QWidget* firstControl() const;

 signals:
  // The emergency is over; so many runs stay held.
  void rearmed(int held);
  void pagesWanted();
  void runWanted(const QString& run);

 protected:
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void build();
  void refresh();
  void rearm();
  void act(client::Client::Verb verb, const std::string& run);
  void paintLooks();

  Sources sources_;
  QLabel* shape_;
  QLabel* title_;
  QLabel* did_;
  QLabel* why_;
  QLabel* said_;
  HoldButton* rearm_;
  CardList* cards_;
  QLabel* none_;
};

}  // namespace ringfence::ui
