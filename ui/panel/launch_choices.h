// What the launch dialog offers, and the command line that a choice becomes. Pure but for agentsOnPath.
#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>
#include <vector>

namespace ringfence::ui {

struct AgentChoice {
  QString name;     // "Claude Code"
  QString program;  // "claude"
};
// Those of the known agents that are on the PATH. Looks at it.
std::vector<AgentChoice> agentsOnPath();

struct PolicyChoice {
  QString name, summary;
  bool broken = false;
};
// Of `ringfence policy list --json`, one object a line; what cannot be read is left out.
std::vector<PolicyChoice> policiesOf(const QByteArray& json);

struct LaunchChoice {
  QString command;  // as a person types it: words, quotes where a word has blanks
  QString policy, workspace, name;
  bool unattended = false;
};
// Why it cannot be started yet; empty: it can.
QString missingIn(const LaunchChoice& choice);
// Arguments of `ringfence`.
QStringList argumentsOf(const LaunchChoice& choice);

}  // namespace ringfence::ui
