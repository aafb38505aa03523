#include "ui/cli/question_views.h"

#include <algorithm>
#include <utility>

#include "sdk/base/text.h"
#include "ui/cli/question_shapes.h"
#include "ui/cli/views.h"

namespace ringfence::cli {
namespace {

constexpr std::size_t kIndent = 11;
constexpr std::size_t kNarrowest = 40;

// The first `most` characters, at a blank near their end when there is one.
std::size_t lineEnd(std::string_view text, std::size_t most) {
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size() && seen < most; ++seen) {
    ++end;
    while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;
  }
  if (end == text.size()) return end;
  const std::size_t blank = text.rfind(' ', end);
  return blank != text.npos && blank > end / 2 ? blank : end;
}

// "  NAME     TEXT", what does not fit into the line below it at the same place. `text` is escaped already.
std::string row(std::string_view name, std::string_view text, std::size_t columns) {
  std::string out = "  " + std::string(name) + std::string(kIndent - 2 - std::min(name.size(), kIndent - 3), ' ');
  const std::size_t room = columns == 0 ? text.size() + 1 : std::max(columns, kNarrowest) - kIndent;
  for (;;) {
    const std::size_t end = lineEnd(text, room);
    out += std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(end);
    if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    if (text.empty()) return out;
    out += std::string(kIndent, ' ');
  }
}

// The system call says better than "write" what would happen.
std::string_view changeVerb(std::string_view call) {
  constexpr std::pair<std::string_view, std::string_view> kVerbs[] = {
      {"unlink", "delete"},
      {"rmdir", "delete the directory"},
      {"rename", "rename"},
      {"mkdir", "make the directory"},
      {"symlink", "make a link at"},
      {"link", "link"},
      {"chmod", "change the mode of"},
      {"fchmod", "change the mode of"},
      {"chown", "change the owner of"},
      {"fchown", "change the owner of"},
      {"lchown", "change the owner of"},
      {"truncate", "truncate"},
      {"mknod", "make a node at"},
      {"utime", "change the times of"},
      {"setxattr", "change attributes of"},
      {"lsetxattr", "change attributes of"},
      {"removexattr", "change attributes of"},
      {"lremovexattr", "change attributes of"},
      {"bind", "make a socket at"},
  };
  for (const auto& [prefix, verb] : kVerbs) {
    if (call.starts_with(prefix)) return verb;
  }
  return "write";
}

std::string chainText(const std::vector<client::ProcessLink>& chain) {
  std::string text;
  for (const client::ProcessLink& link : chain) {
    if (!text.empty()) text += ", started by ";
    text += escapeForDisplay(link.name) + " (" + std::to_string(link.pid) + ")";
  }
  return text;
}

std::string processRows(const std::vector<client::ProcessLink>& chain, const std::string& note, std::size_t columns) {
  std::string text;
  if (!chain.empty()) text += row("process", chainText(chain), columns);
  if (!note.empty()) text += row(chain.empty() ? "process" : "", escapeForDisplay(note), columns);
  return text;
}

std::string ruleText(const client::RuleText& rule) {
  return escapeForDisplay(rule.file) + (rule.line > 0 ? ":" + std::to_string(rule.line) : "");
}

std::string_view undoText(client::Reversibility reversible) {
  switch (reversible) {
    case client::Reversibility::kUndoable: return "can be undone";
    case client::Reversibility::kIrreversible: return "cannot be undone by Ringfence";
    case client::Reversibility::kLeavesDevice: return "leaves this machine: nobody can take it back";
    case client::Reversibility::kUnknown: break;
  }
  return "not known";
}

std::string deadlineText(const client::PendingItem& item, Microseconds now) {
  const auto deadline = parseRfc3339(item.deadline);
  if (!deadline) return "the run ends; then it is denied, this once";
  return formatDuration(*deadline - now) + " from now (" + escapeForDisplay(item.deadline).substr(0, 19) +
         "Z); if nobody answers it is denied, this once";
}

std::string rewriteHint(client::Operation operation) {
  switch (operation) {
    case client::Operation::kRead: return "--path P | --content FILE";
    case client::Operation::kWrite: return "--path P";
    case client::Operation::kExec: return "--argv '[\"WORD\", …]'";
    case client::Operation::kConnect: return "--host H[:PORT]";
    case client::Operation::kCall: return "--content FILE";
    case client::Operation::kUnknown: break;
  }
  return "…";
}

// What an argv says of itself need not be the program.
bool namesItsProgram(const client::PendingAction& action) {
  return !action.argv.empty() && action.argv.front() == action.target;
}

std::string actionRows(const client::PendingAction& action, std::size_t columns) {
  std::string text = row("wants to", actionText(action), columns);
  if (action.operation == client::Operation::kExec && !namesItsProgram(action))
    text += row("program", commandText({action.target}), columns);
  if (!action.cwd.empty()) text += row("in", commandText({action.cwd}), columns);
  return text;
}

std::string answerRows(const client::PendingItem& item, std::size_t columns) {
  const std::string id = std::to_string(item.id);
  std::string text = row("answer", "ringfence allow " + id + " [--scope run|project|always] [--for 2h]", columns);
  if (item.batch > 1) {
    text = row("answer", "ringfence allow " + id + " --digest " + item.digest.substr(0, 16) + ": all of this card",
               columns);
    text += row("", "ringfence allow " + id + ": the first alone", columns);
  }
  text += row("", "ringfence deny " + id + " [--say TEXT]", columns);
  if (item.batch <= 1) text += row("", "ringfence rewrite " + id + " " + rewriteHint(item.action.operation), columns);
  return text;
}

std::string shorten(const std::string& text, std::size_t most) {
  if (characterCount(text) <= most) return text;
  std::size_t end = 0;
  for (std::size_t seen = 0; seen + 1 < most && end < text.size(); ++seen) {
    ++end;
    while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;
  }
  return text.substr(0, end) + "…";
}

std::string endText(const client::GrantRow& grant) {
  const std::string at = escapeForDisplay(grant.ended).substr(0, 16);
  if (grant.revokedBy) return "revoked " + at + " by uid " + std::to_string(*grant.revokedBy);
  return "ended " + at + ": " + escapeForDisplay(grant.endedWhy);
}

}  // namespace

std::string actionText(const client::PendingAction& action) {
  switch (action.operation) {
    case client::Operation::kRead: return "read " + commandText({action.target});
    case client::Operation::kExec:
      return "run " + commandText(action.argv.empty() ? std::vector{action.target} : action.argv);
    case client::Operation::kConnect: return "connect to " + escapeForDisplay(action.target);
    case client::Operation::kCall:
      return "call the tool " + escapeForDisplay(action.target) +
             (action.argv.empty() ? "" : " with " + escapeForDisplay(action.argv.front()));
    case client::Operation::kWrite: {
      std::string text = std::string(changeVerb(action.what));
      // Of two paths the question may be about the new one.
      const bool isNew = action.second == action.target;
      if (isNew) text += " to";
      text += " " + commandText({action.target});
      if (!action.second.empty() && !isNew) text += " to " + commandText({action.second});
      const std::size_t blank = action.what.find(' ');
      if (blank != std::string::npos)
        text += " (" + escapeForDisplay(std::string_view(action.what).substr(blank + 1)) + ")";
      return text;
    }
    case client::Operation::kUnknown: break;
  }
  return "do what this program does not know (is it older than the daemon?): " + commandText({action.target});
}

std::string questionCard(const client::PendingItem& item, Microseconds now, std::size_t columns, Colour colour) {
  std::string head = "question " + std::to_string(item.id) + ": ";
  head += item.runName.empty() ? escapeForDisplay(item.run)
                               : escapeForDisplay(item.runName) + " (" + escapeForDisplay(item.run) + ")";
  if (const auto asked = parseRfc3339(item.asked)) head += ", waits for " + formatDuration(now - *asked);
  std::string text = paintYellow(head, colour) + "\n";
  text += actionRows(item.action, columns);
  for (const client::PendingAction& action : item.batched) text += row("and to", actionText(action), columns);
  if (item.batch > item.batched.size() + 1) {
    text += row("and", std::to_string(item.batch - 1 - item.batched.size()) + " more that are not shown here", columns);
  }
  if (item.batch > 1)
    text += row("", "They came faster than you are asked, and are answered together or one by one.", columns);
  if (item.coalesced > 1) text += row("calls", std::to_string(item.coalesced) + " wait for the same answer", columns);
  text += processRows(item.chain, item.chainNote, columns);
  if (item.rule) {
    text += row("rule", ruleText(*item.rule), columns);
    if (!item.rule->text.empty()) text += row("", escapeForDisplay(item.rule->text), columns);
  }
  if (!item.why.empty()) text += row("because", escapeForDisplay(item.why), columns);
  text += row("undo", undoText(item.reversible), columns);
  text += row("until", deadlineText(item, now), columns);
  return text + answerRows(item, columns);
}

std::string goneText(const client::PendingGone& gone) {
  std::string text = "question " + std::to_string(gone.id) + " of " + escapeForDisplay(gone.run) + ": " +
                     std::string(settlementName(gone.settlement));
  if (gone.settlement == client::Settlement::kExpired) text += "; the agent was told no, this once";
  if (gone.settlement == client::Settlement::kWithdrawn) text += "; nobody waits for the answer any more";
  return text;
}

std::string grantTable(const std::vector<client::GrantRow>& grants, std::size_t columns) {
  Table table({"GRANT", "SCOPE", "FOR", "HITS", "UNTIL", "ALLOWED"});
  std::size_t width = 5;
  for (const client::GrantRow& grant : grants) {
    const std::string& place = grant.scope == client::Scope::kRun ? grant.run : grant.workspace;
    std::string until = grant.until.empty() ? "-" : escapeForDisplay(grant.until).substr(0, 16);
    if (!grant.ended.empty()) until = endText(grant);
    client::PendingAction action;
    action.operation = grant.operation;
    action.target = grant.target;
    action.argv = grant.argv;
    table.add({std::to_string(grant.id), std::string(scopeName(grant.scope)),
               place.empty() ? "-" : shorten(escapeForDisplay(place), columns == 0 ? 256 : 24),
               std::to_string(grant.hits), until, actionText(action)});
    width = std::max(width, actionText(action).size());
  }
  return table.text();
}

std::string whyText(const client::PendingAction& action, const client::WhyAnswer& why, std::size_t columns) {
  const auto decided = [&]() -> std::string {
    switch (why.decision) {
      case client::Decision::kAllow: return "allowed";
      case client::Decision::kAsk: return "asked: you decide each time";
      case client::Decision::kForbid: return "forbidden";
      case client::Decision::kRewrite: return "done differently than wanted";
      case client::Decision::kUnknown: break;
    }
    return "not known";
  };
  std::string text = "to " + actionText(action) + " is " + decided() + "\n";
  if (why.rule && !why.rule->file.empty()) text += row("rule", ruleText(*why.rule), columns);
  if (why.rule && !why.rule->text.empty())
    text += row(why.rule->file.empty() ? "rule" : "", escapeForDisplay(why.rule->text), columns);
  if (!why.why.empty()) text += row("because", escapeForDisplay(why.why), columns);
  if (!why.before.empty()) text += row("before", "allowed by " + escapeForDisplay(why.before), columns);
  if (why.asked) {
    const std::string at = escapeForDisplay(why.asked->at).substr(0, 19) + "Z";
    const std::string question = "question " + std::to_string(why.asked->question);
    text +=
        row("asked",
            question + (why.asked->outcome == "waits" ? " waits since " + at
                                                      : " was " + escapeForDisplay(why.asked->outcome) + " at " + at),
            columns);
    text += processRows(why.asked->chain, why.asked->chainNote, columns);
  }
  std::string next;
  for (const std::string& step : why.next) next += (next.empty() ? "" : "; ") + escapeForDisplay(step);
  if (!next.empty()) text += row("next", next, columns);
  return text;
}

std::string governedText(const std::string& run, const client::Governed& governed) {
  const std::string head = "ringfence: " + run + (governed.held ? " is paused" : " goes on");
  const std::string why = governed.reason.empty() ? "" : ": " + escapeForDisplay(governed.reason);
  return head + why + (governed.held ? "; 'ringfence resume " + run + "' lets it go on" : "");
}

std::string announcement(const client::PendingItem& item, std::size_t columns) {
  const std::string name = shorten(escapeForDisplay(item.runName.empty() ? item.run : item.runName), 24);
  const std::string id = std::to_string(item.id);
  const std::size_t room = columns == 0 ? 4096 : std::max(columns, kNarrowest) - 1;
  if (item.batch > 1) {
    return shorten("ringfence: " + name + " asks " + std::to_string(item.batch) + " things at once: ringfence pending",
                   room);
  }
  const std::string head = "ringfence: " + name + " asks to " + actionText(item.action);
  // Whoever is told how to allow has read all of what it is. Who wants it comes as far as there is room.
  const std::string how = ": ringfence allow " + id + " or deny " + id;
  for (const std::size_t links : {item.chain.size(), std::min<std::size_t>(item.chain.size(), 1), std::size_t{0}}) {
    const std::vector<client::ProcessLink> shown(item.chain.begin(),
                                                 item.chain.begin() + static_cast<std::ptrdiff_t>(links));
    const std::string whole = head + (shown.empty() ? "" : ", by " + chainText(shown)) + how;
    if (characterCount(whole) <= room) return whole;
  }
  const std::string tail = ": ringfence pending";
  return shorten(head, room - tail.size()) + tail;
}

}  // namespace ringfence::cli
