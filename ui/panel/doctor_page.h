// What this machine can give, each check in words; the first thing that a new user sees.
#pragma once

#include "ui/panel/page.h"

class QLabel;
class QPushButton;
class QTreeWidget;

namespace ringfence::ui {

class CliProcess;

class DoctorPage final : public Page {
  Q_OBJECT

 public:
  explicit DoctorPage(QWidget* parent = nullptr);

  Kind kind() const override { return Kind::kDoctor; }
  QString title() const override { return tr("Check-up"); }
  QIcon icon() const override;
  // Asked once when it is seen first; then when a person wants it.
  void setSeen(bool seen) override;

 signals:
  void launchWanted();

 private:
  void ask();
  void take(int status, const QByteArray& out, const QByteArray& err);

  CliProcess* asked_;
  QLabel* summary_;
  QLabel* agents_;
  QTreeWidget* checks_;
  QPushButton* again_;
  bool wasAsked_ = false;
};

}  // namespace ringfence::ui
