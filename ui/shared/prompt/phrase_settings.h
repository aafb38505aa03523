// Where a person chooses the phrase that their prompts show. For a page of settings.
#pragma once

#include <QWidget>

class QLabel;
class QLineEdit;
class QPushButton;

namespace ringfence::ui {

class PhraseSettings final : public QWidget {
  Q_OBJECT

 public:
  explicit PhraseSettings(QWidget* parent = nullptr);

 signals:
  // It is another one from now on; empty: none.
  void chosen(const QString& phrase);

 private:
  void check();
  void keep(const QString& text);

  QLineEdit* line_;
  QLabel* state_;
  QPushButton* keep_;
  QPushButton* remove_;
};

}  // namespace ringfence::ui
