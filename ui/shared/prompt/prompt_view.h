// The prompt: one question (or several of one agent that were picked together) and its answer, as a widget for a page
// or a window of its own. It never takes the focus by itself; Deny is the default; Allow counts only as
// ui/shared/prompt/arming.h says. It is bound to the digest: when the question is not what it was, it begins anew, and
// what was clicked for the old one is refused by the daemon.
//
//   PromptView prompt(link, &runs);
//   prompt.present({item}, {1, 3});
#pragma once

#include <QPointF>
#include <QWidget>
#include <optional>
#include <variant>
#include <vector>

#include "ui/shared/link.h"
#include "ui/shared/prompt/allow_button.h"
#include "ui/shared/runs_model.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;
class QStackedWidget;
class QTimer;

namespace ringfence::ui {

class EditScreen;
class FactsView;
class ScopePicker;
class WordsScreen;

// Which of how many waiting ones it is; 0: nobody counts.
struct PromptPlace {
  int position = 0;
  int count = 0;
};

class PromptView final : public QWidget {
  Q_OBJECT

 public:
  // `runs`: where to look for what is known of the run; may be null. Both are borrowed.
  PromptView(Link& link, const RunsModel* runs, PromptClock clock = steadyTime, QWidget* parent = nullptr);

  // Shows them from now on; none: the view is empty. The same again, unchanged, keeps what the person did so far.
  // Several: all of one run, answered one by one, each for once.
  void present(std::vector<client::PendingItem> items, PromptPlace place = {});
  bool isEmpty() const { return items_.empty(); }
  const std::vector<client::PendingItem>& items() const { return items_; }
  // The person's own phrase, by which they know that a prompt is genuine; empty: none was chosen.
  void setPhrase(const QString& phrase);

 signals:
  // The daemon took the answer to all of them.
  void answered(const QString& run);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 private:
  enum Screen { kQuestion, kWords, kEdit };

  QWidget* makeQuestion();
  QWidget* makeButtons();
  void connectAll();
  void beginAnew();
  void showTexts();
  void showTimes();
  void look();
  void moved();
  void noteMovement(QEvent* event, QWidget* on);
  bool isTextRead() const;
  void showScreen(Screen screen);
  void allow();
  void deny(const QString& words);
  void send(const std::variant<client::AllowAnswer, client::DenyAnswer, client::RewriteAnswer>& verdict);
  void took(const QString& run, const client::Answer<std::monostate>& answer);
  void pauseRun();

  Link& link_;
  const RunsModel* runs_;
  PromptClock clock_;
  Arming arming_;
  std::vector<client::PendingItem> items_;
  PromptPlace place_;
  std::uint64_t shown_ = 0;     // which of all that were shown so far it is
  std::size_t unanswered_ = 0;  // answers on their way
  bool failed_ = false;         // one of those was refused
  std::optional<QPointF> pointerAt_;

  QTimer* looks_;
  QStackedWidget* screens_;
  QLabel* phrase_;
  QLabel* sentence_;
  QLabel* times_;
  QLabel* notHere_;
  QLabel* hint_;
  QPlainTextEdit* exact_;
  FactsView* facts_;
  ScopePicker* scopes_;
  WordsScreen* words_;
  EditScreen* edit_;
  QWidget* buttons_;
  QPushButton* deny_;
  QPushButton* denyWords_;
  QPushButton* pause_;
  QPushButton* change_;
  AllowButton* allow_;
};

}  // namespace ringfence::ui
