// History: every fact of the log, searched, filtered, written to a file, and the chain that holds them together
// checked.
#pragma once

#include "ui/panel/page.h"
#include "ui/panel/sources.h"
#include "ui/shared/history_model.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;

namespace ringfence::ui {

class FactTable;
class LogExport;

class HistoryPage final : public Page {
  Q_OBJECT

 public:
  // `facts` is borrowed, as the sources are.
  HistoryPage(Sources sources, FactLog& facts);

  QString title() const override;
  QIcon icon() const override;
  void setSeen(bool seen) override;
  // Whoever wants to see one run sees what the log has of it.
  Kind kind() const override { return Kind::kAgent; }
  void showRun(const QString& run) override;

  HistoryModel& model() { return *model_; }
  // Without asking for a name: for the dialog, and for tests.
  void exportShown(const QString& file);
  void exportLog(const QString& file);

 private:
  QWidget* buildFilters();
  QWidget* buildFoot();
  void buildDetails();
  void listen();
  void applyFilter();
  void addRuns();
  void chooseWanted();
  void showCounts();
  void showChosen();
  void verify();
  void askForFile(void (HistoryPage::*then)(const QString&));
  enum class Busy { kNo, kYes };
  void showExport(Busy busy);

  Sources sources_;
  FactLog& facts_;
  HistoryModel* model_;
  LogExport* export_;
  QLineEdit* search_;
  QString wantedRun_;  // to be chosen as soon as the log tells of it
  QComboBox *agent_, *kind_, *decision_, *span_;
  FactTable* table_;
  QPlainTextEdit* details_;
  QLabel *counts_, *result_;
  QPushButton *exportButton_, *verify_, *cancel_;
  QProgressBar* progress_;
  std::size_t runsShown_ = 0;
};

}  // namespace ringfence::ui
