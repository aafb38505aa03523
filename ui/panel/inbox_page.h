// What waits for the person, what they missed and what was answered: a list, and beside it the prompt of what is
// picked. Several can be picked and answered together when they are of one agent.
#pragma once

#include "ui/panel/page.h"
#include "ui/panel/sources.h"
#include "ui/shared/prompt/prompt_view.h"
#include "ui/shared/questions_model.h"

class QComboBox;
class QLabel;
class QListView;
class QSplitter;
class QStackedWidget;

namespace ringfence::ui {

class ByRun;

class InboxPage final : public Page {
  Q_OBJECT

 public:
  // All borrowed. Whoever makes the page feeds `questions`; the page asks the link to watch while it is seen.
  InboxPage(Sources sources, QuestionsModel& questions, PromptClock clock = steadyTime);

  Kind kind() const override { return Kind::kInbox; }
  QString title() const override;
  QIcon icon() const override;
  void setSeen(bool seen) override;

  PromptView& prompt() { return *prompt_; }

 public slots:
  // Picks that question.
  void pick(qulonglong id);
  void setPhrase(const QString& phrase);

 protected:
  QSize minimumSizeHint() const override;
  void resizeEvent(QResizeEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QList<int> pickedRows() const;
  void pickedChanged();
  void refresh();
  void restorePicked();
  void pickFirst();
  void refillRuns();
  void showPicked();
  void showPast(const Question& question);

  Link& link_;
  QuestionsModel& questions_;
  ByRun* filtered_;
  QComboBox* agents_;
  QListView* list_;
  QLabel* counts_;
  QSplitter* splitter_;
  QStackedWidget* right_;
  PromptView* prompt_;
  QLabel* note_;
  std::vector<std::uint64_t> picked_;
  bool restoring_ = false;
  bool settledUnderEyes_ = false;  // what is picked was answered while it was shown: a newer question takes its place
};

}  // namespace ringfence::ui
