#include "ui/panel/last_action.h"

#include <QCoreApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kMostTarget = 200;

struct Words {
  Q_DECLARE_TR_FUNCTIONS(LastAction)
};

// What is no UTF-8 stands in the log as base64.
std::string textOf(const QJsonValue& value) {
  if (value.isObject())
    return QByteArray::fromBase64(value.toObject().value("base64").toString().toLatin1()).toStdString();
  return value.toString().toStdString();
}

QString targetOf(const QJsonObject& action) {
  std::vector<std::string> argv;
  for (const QJsonValue& word : action.value("argv").toArray()) argv.push_back(textOf(word));
  if (action.value("op").toString() == "exec" && !argv.empty()) return visibleCommand(argv, kMostTarget);
  return visibleText(textOf(action.value("target"))).left(kMostTarget);
}

QString asked(const QString& op, const QString& target) {
  if (op == "read") return Words::tr("Asked to read %1").arg(target);
  if (op == "write") return Words::tr("Asked to write %1").arg(target);
  if (op == "exec") return Words::tr("Asked to run %1").arg(target);
  if (op == "connect") return Words::tr("Asked to connect to %1").arg(target);
  return {};
}

QString did(const QString& op, const QString& target) {
  if (op == "read") return Words::tr("Read %1").arg(target);
  if (op == "write") return Words::tr("Wrote %1").arg(target);
  if (op == "exec") return Words::tr("Ran %1").arg(target);
  if (op == "connect") return Words::tr("Connected to %1").arg(target);
  return {};
}

QString denied(const QString& op, const QString& target) {
  if (op == "read") return Words::tr("Was not let read %1").arg(target);
  if (op == "write") return Words::tr("Was not let write %1").arg(target);
  if (op == "exec") return Words::tr("Was not let run %1").arg(target);
  if (op == "connect") return Words::tr("Was not let connect to %1").arg(target);
  return {};
}

}  // namespace

bool tellsOfAction(const client::LogLine& line) {
  return line.kind == "action-asked" || line.kind == "action-denied" || line.kind == "connection-opened" ||
         line.kind == "actions-allowed" || line.kind == "action-rewritten";
}

QString lastActionOf(const client::LogLine& line) {
  if (!tellsOfAction(line)) return {};
  const QJsonObject body = QJsonDocument::fromJson(QByteArray::fromStdString(line.bodyJson)).object();
  QJsonObject action = body.value("action").toObject();
  const QJsonArray actions = body.value("actions").toArray();
  if (action.isEmpty() && !actions.isEmpty()) action = actions.last().toObject();
  const QString op = action.value("op").toString(), target = targetOf(action);
  if (line.kind == "action-asked") return asked(op, target);
  if (line.kind == "action-denied") return denied(op, target);
  return did(op, target);
}

}  // namespace ringfence::ui
