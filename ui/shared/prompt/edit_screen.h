// The screen on which a person says what is to be done in place of what an agent wants.
#pragma once

#include <QWidget>

#include "ui/shared/prompt/allow_button.h"
#include "ui/shared/prompt/rewriting.h"

class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;
class QRadioButton;
class QTableWidget;
class QTimer;

namespace ringfence::ui {

class EditScreen final : public QWidget {
  Q_OBJECT

 public:
  explicit EditScreen(PromptClock clock, QWidget* parent = nullptr);

  void begin(const client::PendingItem& item);
  // The person moved inside the prompt.
  void moved() { arming_.moved(); }

 signals:
  void rewritten(const ringfence::client::RewriteAnswer& answer);
  void cancelled();

 protected:
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 private:
  EditedAction edited() const;
  void addArgument(const EditedArgument& argument, int row);
  void moveArgument(int by);
  void look();
  QWidget* makeArguments();
  QWidget* makePath();

  client::PendingItem item_;
  Arming arming_;
  PromptClock clock_;
  QTimer* looks_;
  QLabel* head_;
  QWidget* argumentsPart_;
  QWidget* pathPart_;
  QTableWidget* arguments_;
  QRadioButton* otherPath_;
  QRadioButton* prepared_;
  QLineEdit* line_;  // the path, or the host
  QPlainTextEdit* content_;
  QLabel* trouble_;
  AllowButton* done_;
};

}  // namespace ringfence::ui
