// The screen on which a person says no and tells the agent why.
#pragma once

#include <QWidget>

class QLabel;
class QPlainTextEdit;
class QPushButton;

namespace ringfence::ui {

class WordsScreen final : public QWidget {
  Q_OBJECT

 public:
  explicit WordsScreen(QWidget* parent = nullptr);

  void begin(const QString& asker);

 signals:
  void denied(const QString& words);
  void cancelled();

 private:
  void check();

  QLabel* head_;
  QPlainTextEdit* words_;
  QLabel* trouble_;
  QPushButton* deny_;
};

}  // namespace ringfence::ui
