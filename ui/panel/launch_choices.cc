#include "ui/panel/launch_choices.h"

#include <QCoreApplication>
#include <QDir>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QStandardPaths>

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(LaunchChoices)
};

struct Known {
  const char* name;
  const char* program;
};
constexpr Known kAgents[] = {
    {"Claude Code", "claude"}, {"Codex", "codex"},
    {"Gemini CLI", "gemini"},  {"pi", "pi"},
    {"OpenCode", "opencode"},  {"Goose", "goose"},
    {"Aider", "aider"},        {"Copilot CLI", "copilot"},
    {"Qwen Code", "qwen"},     {"Cursor Agent", "cursor-agent"},
    {"Kimi CLI", "kimi"},
};

}  // namespace

std::vector<AgentChoice> agentsOnPath() {
  std::vector<AgentChoice> found;
  for (const Known& known : kAgents) {
    if (!QStandardPaths::findExecutable(known.program).isEmpty()) found.push_back({known.name, known.program});
  }
  return found;
}

std::vector<PolicyChoice> policiesOf(const QByteArray& json) {
  std::vector<PolicyChoice> found;
  for (const QByteArray& line : json.split('\n')) {
    const QJsonObject policy = QJsonDocument::fromJson(line).object();
    const QString name = policy.value("name").toString();
    if (name.isEmpty()) continue;
    found.push_back({name, policy.value("summary").toString(), policy.value("broken").toBool()});
  }
  return found;
}

QString missingIn(const LaunchChoice& choice) {
  if (QProcess::splitCommand(choice.command).isEmpty()) return Words::tr("Name the agent or command to start.");
  if (choice.policy.trimmed().isEmpty()) return Words::tr("Choose a policy: it says what the agent may do.");
  if (choice.workspace.isEmpty()) return Words::tr("Choose the folder that the agent works in.");
  if (!QDir(choice.workspace).exists()) return Words::tr("There is no folder %1.").arg(choice.workspace);
  return {};
}

QStringList argumentsOf(const LaunchChoice& choice) {
  QStringList arguments{"run", "--detach", "--policy", choice.policy.trimmed(), "--workspace", choice.workspace};
  if (!choice.name.trimmed().isEmpty()) arguments += {"--name", choice.name.trimmed()};
  if (choice.unattended) arguments += "--unattended";
  arguments += "--";
  return arguments + QProcess::splitCommand(choice.command);
}

}  // namespace ringfence::ui
