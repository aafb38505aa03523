// The policy of a run as the files make it now, every value with the file and line that it is from. Where they were
// changed since the run started, that is said.
#pragma once

#include "ui/panel/agent_tab.h"
#include "ui/panel/program_call.h"

class QLabel;
class QLineEdit;
class QTreeWidget;

namespace ringfence::ui {

// One value of `ringfence policy show --json`; visible text.
struct PolicyValue {
  QString key, value, origin;  // origin: "FILE:LINE"; empty: the built-in default
};
struct PolicyShown {
  QString name, hash;
  std::vector<PolicyValue> values;
};
// Absent: it is something else.
std::optional<PolicyShown> policyShownOf(const QByteArray& json);

class PolicyTab final : public AgentTab {
  Q_OBJECT

 public:
  PolicyTab();

  void setRun(const std::string& run) override;
  void setDetails(const client::RunDetails& details) override;
  void setSeen(bool seen) override;

 private:
  void ask();
  QStringList arguments() const;
  void take(const ProgramCall::Outcome& told);
  void applyFilter();

  std::string run_;
  bool isSeen_ = false, isAsked_ = false;
  client::RunDetails details_;
  QString where_;  // the call is made in; empty: anywhere
  ProgramCall* call_;
  QLabel* said_;
  QLineEdit* search_;
  QTreeWidget* values_;
};

}  // namespace ringfence::ui
