#include "ui/shared/prompt/rewriting.h"

#include <QCoreApplication>
#include <algorithm>

#include "sdk/base/text.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(Rewriting)
};

constexpr qsizetype kMostContent = 1 << 20;
constexpr qsizetype kMostText = 4096;  // of a path

// Text that a line of an editor shows and gives back as it is. A backslash alone is no reason against it.
bool isTypeable(const std::string& text) {
  std::string probe = text;
  std::ranges::replace(probe, '\\', '/');
  return isValidUtf8(text) && !needsEscaping(probe) && visibleText(probe).toStdString() == probe;
}

QString typeable(const std::string& text) { return isTypeable(text) ? QString::fromStdString(text) : QString(); }

std::variant<client::RewriteAnswer, QString> newArguments(const client::PendingItem& item, const EditedAction& edited) {
  client::RewriteAnswer answer;
  for (const EditedArgument& argument : edited.arguments)
    answer.argv.push_back(argument.isEditable ? argument.shown.toStdString() : argument.raw);
  if (answer.argv.empty() || answer.argv.front().empty()) return Words::tr("The first argument names the program.");
  if (answer.argv == item.action.argv) return Words::tr("Nothing is changed yet.");
  return answer;
}

std::variant<client::RewriteAnswer, QString> newPath(const client::PendingItem& item, const EditedAction& edited) {
  client::RewriteAnswer answer;
  if (edited.usesContent) {
    if (edited.content.toUtf8().size() > kMostContent) return Words::tr("The content is longer than 1 MiB.");
    answer.content = edited.content.toStdString();
    return answer;
  }
  if (!edited.path.startsWith('/')) return Words::tr("The path must begin with “/”.");
  if (edited.path.toUtf8().size() >= kMostText) return Words::tr("The path is too long.");
  if (edited.path.toStdString() == item.action.target) return Words::tr("Nothing is changed yet.");
  answer.path = edited.path.toStdString();
  return answer;
}

std::variant<client::RewriteAnswer, QString> newHost(const client::PendingItem& item, const EditedAction& edited) {
  const std::string host = edited.host.trimmed().toStdString();
  const bool plain = std::ranges::all_of(host, [](char c) { return c > ' ' && c < '\x7f'; });
  if (host.empty() || !plain) return Words::tr("Say a host, or a host and a port: “mirror.example.org:443”.");
  if (host == item.action.target) return Words::tr("Nothing is changed yet.");
  client::RewriteAnswer answer;
  answer.host = host;
  return answer;
}

}  // namespace

std::vector<EditedArgument> editableArguments(const std::vector<std::string>& argv) {
  std::vector<EditedArgument> arguments;
  for (const std::string& word : argv) {
    const bool isEditable = isTypeable(word);
    arguments.push_back({isEditable ? QString::fromStdString(word) : visibleText(word), isEditable, word});
  }
  return arguments;
}

EditedAction beginEditing(const client::PendingItem& item) {
  EditedAction edited;
  switch (item.action.operation) {
    case client::Operation::kExec: edited.arguments = editableArguments(item.action.argv); break;
    case client::Operation::kRead:
    case client::Operation::kWrite: edited.path = typeable(item.action.target); break;
    case client::Operation::kConnect: edited.host = typeable(item.action.target); break;
    case client::Operation::kCall:
    case client::Operation::kUnknown: break;
  }
  return edited;
}

bool canRewrite(const client::PendingItem& item) {
  // The input of a tool is rewritten by `ringfence rewrite ID --content FILE`.
  const client::Operation operation = item.action.operation;
  return item.batch <= 1 && item.batched.empty() && operation != client::Operation::kUnknown &&
         operation != client::Operation::kCall;
}

std::variant<client::RewriteAnswer, QString> rewriteOf(const client::PendingItem& item, const EditedAction& edited) {
  switch (item.action.operation) {
    case client::Operation::kExec: return newArguments(item, edited);
    case client::Operation::kRead:
    case client::Operation::kWrite: return newPath(item, edited);
    case client::Operation::kConnect: return newHost(item, edited);
    case client::Operation::kCall:
    case client::Operation::kUnknown: break;
  }
  return Words::tr("This program does not know what is wanted, so it cannot change it.");
}

}  // namespace ringfence::ui
