// What there is to know of a question beside its text: why it asks, who asks, what allowing it permits.
#pragma once

#include <QScrollArea>

#include "ui/shared/question_words.h"

class QFormLayout;
class QLabel;

namespace ringfence::ui {

// A label for text of any length and any making: plain, and broken where a line ends.
QLabel* plainLabel();
void setPlainText(QLabel* label, const QString& text);

class FactsView final : public QScrollArea {
  Q_OBJECT

 public:
  explicit FactsView(QWidget* parent = nullptr);

  // `run`: null when nothing is known of it.
  void show(const client::PendingItem& item, const client::RunDetails* run, client::Scope scope);

 private:
  QLabel* add(const QString& name);

  QFormLayout* form_;
  QLabel* rule_;
  QLabel* who_;
  QLabel* chain_;
  QLabel* undo_;
  QLabel* beyond_;
};

}  // namespace ringfence::ui
