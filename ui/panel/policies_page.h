// Policies: all that there are and who uses them, and an editor that says what is wrong while a person writes. What is
// shipped is copied before it is changed; what does not load is saved only when the person insists.
#pragma once

#include <map>

#include "ui/panel/page.h"
#include "ui/panel/policy_check.h"
#include "ui/panel/program_call.h"
#include "ui/panel/sources.h"

class QLabel;
class QLineEdit;
class QPushButton;
class QTreeWidget;

namespace ringfence::ui {

class PoliciesPage final : public Page {
  Q_OBJECT

 public:
  // `ownDirectory`: of this person; empty: ~/.config/ringfence/policies.
  explicit PoliciesPage(Sources sources, const QString& ownDirectory = {});

  QString title() const override;
  QIcon icon() const override;
  void setSeen(bool seen) override;

  // A name that `ringfence policy` takes: letters, digits and "-" "_".
  static bool isName(const QString& name);

 private:
  struct Draft {
    QString saved, text;
  };
  QWidget* buildList();
  QWidget* buildEditor();
  void listen();
  void takeList(const ProgramCall::Outcome& told);
  void showUses();
  void choose(const QString& name);
  void show(const QString& text);
  void textChanged();
  void takeCheck(const CheckResult& result);
  void showButtons();
  void save();
  void insist();
  void write();
  void copy();
  void createIn(const QString& name, const QString& text);
  bool isOwn(const ListedPolicy& policy) const;
  const ListedPolicy* find(const QString& name) const;
  bool isChanged() const;

  Sources sources_;
  QString ownDirectory_;
  bool isSeen_ = false, isShowing_ = false, isSaving_ = false, isSaveWanted_ = false;
  std::vector<ListedPolicy> listed_;
  QString chosen_;                     // a name; empty: none
  std::map<QString, Draft> drafts_;    // by name, of what was opened
  std::optional<CheckResult> result_;  // of the text as it is
  ProgramCall* lister_;
  PolicyCheck* check_;
  QTreeWidget *list_, *problems_;
  PolicyEditor* editor_;
  QLabel *where_, *said_;
  QLineEdit* newName_;
  QPushButton *save_, *insist_, *revert_, *copy_;
};

}  // namespace ringfence::ui
