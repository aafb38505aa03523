// Starts an agent: which one, under which policy, in which folder. What the command line says of it is shown as it says
// it.
#pragma once

#include <QDialog>

#include "ui/panel/launch_choices.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace ringfence::ui {

class CliProcess;

class LaunchDialog final : public QDialog {
  Q_OBJECT

 public:
  explicit LaunchDialog(QWidget* parent = nullptr);

 signals:
  void started(const QString& run);

 private:
  void build();
  LaunchChoice choice() const;
  void look();
  void chooseFolder();
  void launch();
  void takeAnswer(int status, const QByteArray& out, const QByteArray& err);

  QComboBox* command_;
  QComboBox* policy_;
  QLabel* summary_;
  QLineEdit* workspace_;
  QLineEdit* name_;
  QCheckBox* unattended_;
  QLabel* said_;
  QPushButton* start_;
  QPushButton* cancel_;
  CliProcess* policies_;
  CliProcess* launch_;
};

}  // namespace ringfence::ui
