#include "ui/shared/question_words.h"

#include <QCoreApplication>
#include <algorithm>
#include <array>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

using client::Operation;
using client::PendingAction;
using client::PendingItem;

struct Words {
  Q_DECLARE_TR_FUNCTIONS(QuestionWords)
};

constexpr int kLongestLine = 2000;  // characters; a widget breaks shorter ones itself

// What a changing system call does to its target.
enum class Change { kWrite, kDelete, kRename, kMakeFolder, kLink, kMode, kOwner, kTruncate, kNode, kTimes, kSocket };

Change changeOf(std::string_view call) {
  constexpr std::pair<std::string_view, Change> kCalls[] = {
      {"unlink", Change::kDelete},    {"rmdir", Change::kDelete},      {"rename", Change::kRename},
      {"mkdir", Change::kMakeFolder}, {"symlink", Change::kLink},      {"link", Change::kLink},
      {"chmod", Change::kMode},       {"fchmod", Change::kMode},       {"chown", Change::kOwner},
      {"fchown", Change::kOwner},     {"lchown", Change::kOwner},      {"truncate", Change::kTruncate},
      {"mknod", Change::kNode},       {"utime", Change::kTimes},       {"setxattr", Change::kTimes},
      {"lsetxattr", Change::kTimes},  {"removexattr", Change::kTimes}, {"lremovexattr", Change::kTimes},
      {"bind", Change::kSocket},
  };
  for (const auto& [prefix, change] : kCalls) {
    if (call.starts_with(prefix)) return change;
  }
  return Change::kWrite;
}

// Programs whose use is to destroy; as the kernel resolved them, whatever their argv calls them.
bool isDestroyer(std::string_view program) {
  constexpr std::array<std::string_view, 11> kNames = {"rm",         "rmdir", "shred",  "dd",     "truncate", "wipefs",
                                                       "blkdiscard", "fdisk", "sfdisk", "parted", "unlink"};
  const std::string_view name = program.substr(program.rfind('/') + 1);
  return std::ranges::find(kNames, name) != kNames.end() || name.starts_with("mkfs");
}

bool isDestructive(const PendingAction& action) {
  switch (action.operation) {
    case Operation::kRead:
    case Operation::kConnect: return false;
    case Operation::kCall: return true;  // What a tool does is not known here.
    case Operation::kExec: return isDestroyer(action.target);
    case Operation::kWrite: {
      const Change change = changeOf(action.what);
      return change == Change::kDelete || change == Change::kRename || change == Change::kTruncate ||
             change == Change::kOwner;
    }
    case Operation::kUnknown: break;
  }
  return true;
}

QString pathText(const std::string& path) { return visibleCommand({path}); }

// Of a call with two paths the question may be about the new one.
bool isAboutTheNewOne(const PendingAction& action) { return !action.second.empty() && action.second == action.target; }

// What the call wants, as the object of "wants to": a verb, and what it is done to.
QString changeWords(const PendingAction& action, const QString& target) {
  switch (changeOf(action.what)) {
    case Change::kDelete: return Words::tr("delete %1").arg(target);
    case Change::kRename:
      if (isAboutTheNewOne(action)) return Words::tr("rename something to %1").arg(target);
      return action.second.empty() ? Words::tr("rename %1").arg(target)
                                   : Words::tr("rename %1 to %2").arg(target, pathText(action.second));
    case Change::kMakeFolder: return Words::tr("make the folder %1").arg(target);
    case Change::kLink:
      if (isAboutTheNewOne(action) || action.second.empty()) return Words::tr("make a link at %1").arg(target);
      return Words::tr("link %1 at %2").arg(target, pathText(action.second));
    case Change::kMode: return Words::tr("change who may use %1").arg(target);
    case Change::kOwner: return Words::tr("change the owner of %1").arg(target);
    case Change::kTruncate: return Words::tr("cut off the content of %1").arg(target);
    case Change::kNode: return Words::tr("make the node %1").arg(target);
    case Change::kTimes: return Words::tr("change attributes of %1").arg(target);
    case Change::kSocket: return Words::tr("make a socket at %1").arg(target);
    case Change::kWrite: break;
  }
  return Words::tr("write to %1").arg(target);
}

// `shorten`: what of an agent's text a sentence shows; the whole of it stands in exactText.
template <typename Shorten>
QString deedWords(const PendingAction& action, const Shorten& shorten) {
  switch (action.operation) {
    case Operation::kRead: return Words::tr("read %1").arg(shorten(pathText(action.target)));
    case Operation::kWrite: return changeWords(action, shorten(pathText(action.target)));
    case Operation::kExec:
      return Words::tr("run %1").arg(
          shorten(visibleCommand(action.argv.empty() ? std::vector{action.target} : action.argv)));
    case Operation::kConnect: return Words::tr("connect to %1").arg(shorten(visibleText(action.target)));
    case Operation::kCall:
      if (action.argv.empty()) return Words::tr("call the tool %1").arg(shorten(visibleText(action.target)));
      return Words::tr("call the tool %1 with %2")
          .arg(shorten(visibleText(action.target)), shorten(visibleText(action.argv.front())));
    case Operation::kUnknown: break;
  }
  return Words::tr("do what this program does not know (is it older than the daemon?): %1")
      .arg(shorten(pathText(action.target)));
}

QString cut(const QString& text, int most) {
  if (text.size() <= most) return text;
  return Words::tr("%1… (%n more characters, shown below)", nullptr, static_cast<int>(text.size() - most))
      .arg(text.left(most));
}

std::size_t countOf(const PendingItem& item) { return std::max<std::size_t>(item.batch, item.batched.size() + 1); }

// Line after line of at most kLongestLine characters.
void addBroken(QString& text, const QString& line) {
  qsizetype from = 0;
  do {
    qsizetype length = std::min<qsizetype>(kLongestLine, line.size() - from);
    const bool splits = length > 0 && from + length < line.size() && line.at(from + length - 1).isHighSurrogate();
    if (splits) --length;
    text += line.mid(from, length) + '\n';
    from += length;
  } while (from < line.size());
}

void addExact(QString& text, const PendingAction& action) {
  addBroken(text, deedWords(action, [](const QString& whole) { return whole; }));
  const bool namesItsProgram = !action.argv.empty() && action.argv.front() == action.target;
  if (action.operation == Operation::kExec && !namesItsProgram)
    addBroken(text, Words::tr("    program: %1").arg(pathText(action.target)));
  if (!action.cwd.empty()) addBroken(text, Words::tr("    in: %1").arg(pathText(action.cwd)));
  if (!action.what.empty()) addBroken(text, Words::tr("    by: %1").arg(visibleText(action.what)));
}

QString projectOf(const client::RunDetails* run) {
  if (run == nullptr || run->workspace.empty()) return {};
  const std::string_view whole = run->workspace;
  return visibleText(whole.substr(whole.rfind('/') + 1), 40);
}

QDateTime momentOf(const std::string& rfc3339) {
  return QDateTime::fromString(QString::fromStdString(rfc3339), Qt::ISODateWithMs);
}

}  // namespace

QuestionKind kindOf(const PendingItem& item) {
  switch (item.action.operation) {
    case Operation::kRead:
    case Operation::kWrite: return QuestionKind::kFiles;
    case Operation::kExec:
    case Operation::kCall: return QuestionKind::kPrograms;
    case Operation::kConnect: return QuestionKind::kNetwork;
    case Operation::kUnknown: break;
  }
  return QuestionKind::kUnknown;
}

QString askerName(const PendingItem& item) { return visibleText(item.runName.empty() ? item.run : item.runName, 60); }

QString questionSentence(const PendingItem& item, const client::RunDetails* run) {
  const QString project = projectOf(run);
  const QString who = project.isEmpty()
                          ? Words::tr("%1 (run %2)").arg(askerName(item), visibleText(item.run))
                          : Words::tr("%1 (run %2, project %3)").arg(askerName(item), visibleText(item.run), project);
  if (countOf(item) > 1) {
    return Words::tr("%1 wants %n things at once", nullptr, static_cast<int>(countOf(item))).arg(who);
  }
  const QString deed = deedWords(item.action, [](const QString& whole) { return cut(whole, 200); });
  return Words::tr("%1 wants to %2").arg(who, deed);
}

QString questionLine(const PendingItem& item, int most) {
  const QString deed = deedWords(item.action, [&](const QString& whole) {
    return whole.size() <= most ? whole : whole.left(most) + QStringLiteral("…");
  });
  if (countOf(item) < 2) return deed;
  return Words::tr("%1, and %n more", nullptr, static_cast<int>(countOf(item) - 1)).arg(deed);
}

QString exactText(const PendingItem& item) {
  QString text;
  addExact(text, item.action);
  for (const PendingAction& action : item.batched) addExact(text, action);
  const std::size_t shown = item.batched.size() + 1;
  if (countOf(item) > shown)
    text += Words::tr("and %n more that are not shown here", nullptr, static_cast<int>(countOf(item) - shown)) + '\n';
  text.chop(1);
  return text;
}

QString ruleWords(const PendingItem& item) {
  QString words;
  if (!item.rule || item.rule->file.empty()) {
    words = Words::tr("No rule covers this.");
  } else {
    const QString file = visibleText(item.rule->file);
    const QString place = item.rule->line > 0 ? file + ':' + QString::number(item.rule->line) : file;
    words = item.rule->text.empty() ? place : place + '\n' + visibleText(item.rule->text);
  }
  if (!item.why.empty()) words += '\n' + Words::tr("The rule says: “%1”").arg(visibleText(item.why));
  return words;
}

QString chainWords(const PendingItem& item) {
  QString words;
  for (const client::ProcessLink& link : item.chain) {
    const QString one = Words::tr("“%1” (%2)").arg(visibleText(link.name), QString::number(link.pid));
    words = words.isEmpty() ? one : Words::tr("%1, started by %2").arg(words, one);
  }
  if (!item.chainNote.empty()) {
    if (!words.isEmpty()) words += '\n';
    words += visibleText(item.chainNote);
  }
  if (words.isEmpty()) return Words::tr("not known");
  return item.chain.empty() ? words : words + '\n' + Words::tr("Processes choose these names themselves.");
}

QString reversibilityWords(client::Reversibility reversible) {
  switch (reversible) {
    case client::Reversibility::kUndoable: return Words::tr("Can be undone.");
    case client::Reversibility::kIrreversible: return Words::tr("Cannot be undone by Ringfence.");
    case client::Reversibility::kLeavesDevice: return Words::tr("Leaves this machine: nobody can take it back.");
    case client::Reversibility::kUnknown: break;
  }
  return Words::tr("Whether it can be undone is not known.");
}

QString beyondWords(const PendingItem& item, client::Scope scope) {
  if (scope == client::Scope::kOnce) {
    QString words = item.coalesced > 1 ? Words::tr("The %n calls that wait for this same answer.", nullptr,
                                                   static_cast<int>(item.coalesced))
                                       : Words::tr("Nothing: this one call alone.");
    if (countOf(item) > 1)
      words = Words::tr("All %n things of this card, and nothing else.", nullptr, static_cast<int>(countOf(item)));
    return words;
  }
  switch (item.action.operation) {
    case Operation::kRead: return Words::tr("Reading it, and everything below it, without a question.");
    case Operation::kWrite: return Words::tr("Every change of it, and of everything below it, without a question.");
    case Operation::kExec: return Words::tr("The same program with the same arguments, without a question.");
    case Operation::kConnect: return Words::tr("Every connection to the same host and port, without a question.");
    case Operation::kCall: return Words::tr("Every call of the same tool, whatever its input, without a question.");
    case Operation::kUnknown: break;
  }
  return Words::tr("This program does not know.");
}

QString ageWords(const PendingItem& item, const QDateTime& now) {
  const QDateTime asked = momentOf(item.asked);
  if (!asked.isValid()) return Words::tr("Waits; since when is not known.");
  return Words::tr("Waits for %1.").arg(durationWords(std::max<qint64>(0, asked.secsTo(now))));
}

QString deadlineWords(const PendingItem& item, const QDateTime& now) {
  const QDateTime deadline = momentOf(item.deadline);
  if (!deadline.isValid()) return Words::tr("If nobody answers it is denied, this once.");
  const qint64 left = std::max<qint64>(0, now.secsTo(deadline));
  return Words::tr("Denied, this once, in %1 if nobody answers.").arg(durationWords(left));
}

QString scopeWords(client::Scope scope) {
  switch (scope) {
    case client::Scope::kOnce: return Words::tr("Once");
    case client::Scope::kRun: return Words::tr("This run");
    case client::Scope::kProject: return Words::tr("This project");
    case client::Scope::kAlways: return Words::tr("Always");
    case client::Scope::kUnknown: break;
  }
  return Words::tr("Unknown");
}

QString settlementWords(client::Settlement settlement) {
  switch (settlement) {
    case client::Settlement::kAllowed: return Words::tr("Allowed");
    case client::Settlement::kDenied: return Words::tr("Denied");
    case client::Settlement::kRewritten: return Words::tr("Done differently");
    case client::Settlement::kExpired: return Words::tr("Missed: nobody answered in time");
    case client::Settlement::kStopped: return Words::tr("Ended: the run was stopped");
    case client::Settlement::kWithdrawn: return Words::tr("Ended: nobody waits for the answer any more");
    case client::Settlement::kUnknown: break;
  }
  return Words::tr("Settled in a way that this program does not know");
}

QString literalRule(const PendingItem& item, client::Scope scope) {
  const auto offer = std::ranges::find(item.offers, scope, &client::ScopeOffer::scope);
  if (offer == item.offers.end()) return {};
  QStringList lines;
  for (const QString& line : QString::fromStdString(offer->policyText).split('\n', Qt::SkipEmptyParts)) {
    // Escapes of TOML stand there already: their backslashes must not become two.
    QStringList pieces;
    for (const QString& piece : line.split('\\')) pieces += visibleText(piece.toStdString());
    lines += pieces.join('\\');
  }
  return lines.join('\n');
}

Confirmation confirmationOf(const PendingItem& item) {
  const bool irreversible = item.reversible != client::Reversibility::kUndoable;
  const bool destroys = isDestructive(item.action) || std::ranges::any_of(item.batched, isDestructive);
  const bool isCut = !item.onlyOnce.empty();  // Not all of it can be read.
  return irreversible && (destroys || isCut) ? Confirmation::kHold : Confirmation::kClick;
}

QString whyNotHere(const PendingItem& item) {
  if (!item.notInWindow.empty()) {
    return Words::tr(
               "Nothing can be allowed in a window now: %1. Answer on a text console or over ssh, where no agent "
               "types:")
        .arg(visibleText(item.notInWindow));
  }
  if (item.batch > item.batched.size() + 1)
    return Words::tr("Not all of this card fits here, so it cannot be allowed here. Look at it in a terminal:");
  if (item.action.operation == Operation::kUnknown)
    return Words::tr("This program does not know what would be allowed, so it cannot be allowed here. In a terminal:");
  return {};
}

QString terminalCommand(const PendingItem& item) {
  const std::string digest = item.digest.substr(0, 16);
  return QStringLiteral("ringfence allow %1 --digest %2").arg(QString::number(item.id), visibleText(digest));
}

QString durationWords(qint64 seconds) {
  if (seconds < 60) return Words::tr("%1 s").arg(seconds);
  if (seconds < 3600) return Words::tr("%1 min").arg(seconds / 60);
  if (seconds < 86'400) return Words::tr("%1 h %2 min").arg(seconds / 3600).arg(seconds % 3600 / 60);
  return Words::tr("%1 d %2 h").arg(seconds / 86'400).arg(seconds % 86'400 / 3600);
}

}  // namespace ringfence::ui
