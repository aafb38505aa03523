// For how long something is allowed: once, unless the person picks more; each longer one with the rule that it writes,
// and with an earlier end where the person wants one.
#pragma once

#include <QWidget>
#include <array>
#include <chrono>

#include "ui/shared/question_words.h"

class QButtonGroup;
class QCheckBox;
class QComboBox;
class QLabel;
class QPlainTextEdit;
class QRadioButton;

namespace ringfence::ui {

class ScopePicker final : public QWidget {
  Q_OBJECT

 public:
  explicit ScopePicker(QWidget* parent = nullptr);

  enum class Offer { kAll, kOnceAlone };
  // Once is picked again.
  void begin(const client::PendingItem& item, Offer offer);
  client::Scope scope() const;
  // After which it ends although its scope would last; zero: when its scope ends.
  std::chrono::seconds duration() const;
  // What is picked, in words: "This project, for 1 hour".
  QString words() const;
  // What is for ever needs one more click.
  bool isSure() const;

 signals:
  void changed();

 private:
  void showRule();

  client::PendingItem item_;
  std::array<QRadioButton*, 4> buttons_{};
  QButtonGroup* group_;
  QComboBox* durations_;
  QLabel* why_;
  QPlainTextEdit* rule_;
  QCheckBox* sure_;
};

}  // namespace ringfence::ui
