// Rules & grants: what the person allowed for longer than once, with revoke; and the rules of each policy, with the
// file and line that each comes from.
#pragma once

#include "ui/panel/grants_model.h"
#include "ui/panel/page.h"
#include "ui/panel/sources.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QPlainTextEdit;
class QProcess;
class QPushButton;
class QTimer;
class QTreeView;

namespace ringfence::ui {

class GrantsPage final : public Page {
  Q_OBJECT

 public:
  // Borrowed. `program`: the command line, which knows policies; empty: the one beside this program, else on the PATH.
  explicit GrantsPage(Sources sources, QString program = {});

  QString title() const override;
  QIcon icon() const override;
  void setSeen(bool seen) override;

 private:
  QWidget* makeGrants();
  QWidget* makeRules();
  void readGrants();
  void showGrant();
  void revoke();
  // What became of the last act, until the next one: reads of the list leave it.
  void tell(const QString& words);
  // Asks the command line; `told` gets what it wrote, or why it could not.
  void askCommandLine(const QStringList& words, void (GrantsPage::*told)(const QString& text));
  void listPolicies(const QString& lines);
  void showRules(const QString& text);

  Link& link_;
  QString program_;
  GrantsModel* model_;
  QTimer* reads_;
  QTreeView* table_;
  QCheckBox* ended_;
  QPushButton* revoke_;
  QPlainTextEdit* text_;
  QLabel* listed_;  // of the list, as it was read last
  QLabel* done_;    // of the last act
  QComboBox* policies_;
  QPlainTextEdit* rules_;
  QProcess* asking_ = nullptr;
};

}  // namespace ringfence::ui
