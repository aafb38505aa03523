// What the checker and the list of `ringfence policy …` say, read for the editor; and the checker itself, asked while a
// person writes.
//
//   auto* check = new PolicyCheck(this);
//   connect(check, &PolicyCheck::checked, …);
//   check->setText("mine", text);      // told 300 ms after the last one
#pragma once

#include <QObject>
#include <QTemporaryDir>
#include <optional>
#include <vector>

#include "ui/panel/policy_editor.h"
#include "ui/panel/program_call.h"

class QTimer;

namespace ringfence::ui {

struct ListedPolicy {
  QString name, file;  // as they are: for calls and for opening
  QString summary;     // visible
  bool isBroken = false;
};
// One for each line; what is no such line is left out.
std::vector<ListedPolicy> listedPolicies(const QByteArray& lines);

struct CheckResult {
  bool isGood = false;
  std::vector<PolicyProblem> problems;  // those in the checked text first
};
// Of `ringfence policy check --json`. `file` ends the path of the checked text; problems elsewhere name their file and
// have no line. Absent: it is something else.
std::optional<CheckResult> checkResult(const QByteArray& json, const QString& file);

class PolicyCheck final : public QObject {
  Q_OBJECT

 public:
  explicit PolicyCheck(QObject* parent = nullptr);

  // The person's own policies, beside which the text is checked as it would stand among them.
  void setOwn(const std::vector<ListedPolicy>& own) { own_ = own; }
  void setText(const QString& name, const QString& text);
  // Nothing is checked any more.
  void clear();
  // A result for what was set last has not come yet.
  bool isPending() const;

 signals:
  // Of the text that was set last, and of no earlier one.
  void checked(const ringfence::ui::CheckResult& result);
  // It could not be checked: why.
  void failed(const QString& why);

 private:
  void begin();
  QString prepare();

  std::vector<ListedPolicy> own_;
  QString name_, text_;
  std::optional<QTemporaryDir> home_;
  ProgramCall* call_;
  QTimer* rest_;
};

}  // namespace ringfence::ui
