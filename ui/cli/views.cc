#include "ui/cli/views.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sdk/base/bounded_text.h"
#include "sdk/base/money.h"
#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

constexpr std::size_t kCommandCharacters = 60;
constexpr std::chrono::milliseconds kLongestShown = std::chrono::hours(24 * 366);

// To `most` bytes: a character takes no more columns than bytes, so that no line gets wider than the terminal.
std::string shorten(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  return std::string(beginningOf(text, most - 1)) + "…";
}

std::string dashIfEmpty(const std::string& text) { return text.empty() ? "-" : escapeForDisplay(text); }

bool isPlainWord(const std::string& word) {
  return !word.empty() && word.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_") == word.npos;
}

std::string quoteWord(const std::string& word) {
  if (isPlainWord(word)) return word;
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  quoted += "'";
  // A quoted backslash is one in the shell as well: only what could deceive is escaped.
  std::string out;
  for (std::size_t from = 0; from <= quoted.size();) {
    const std::size_t at = std::min(quoted.find('\\', from), quoted.size());
    out += escapeForDisplay(std::string_view(quoted).substr(from, at - from));
    if (at < quoted.size()) out += '\\';
    from = at + 1;
  }
  return out;
}

std::string ageOf(const client::RunDetails& run, Microseconds now) {
  const auto started = parseRfc3339(run.started);
  if (!started) return "-";
  const auto ended = parseRfc3339(run.ended);
  return formatDuration((ended ? *ended : now) - *started);
}

// "by the governor for 12s: limit".
std::string holderText(const client::HeldBy& held, Microseconds now) {
  std::string text = held.governor ? "by the governor" : "by a person";
  if (held.by == "restart") text = "since before a restart";
  if (held.by == "questions") text = "for its questions";
  if (held.by == "prompts") text = "as it asked as often as it may";
  if (held.by == "agent") text = "by its own agent";
  if (held.by == "no-records") text = "as nothing can be recorded";
  if (held.by == "another-program") text = "by another program";
  if (held.by == "emergency stop") text = "by the emergency stop";
  if (const auto since = parseRfc3339(held.since); since && held.by != "restart")
    text += " for " + formatDuration(now - *since);
  return held.cause.empty() ? text : text + ": " + escapeForDisplay(held.cause);
}

// Never less than it is.
std::string leftText(const client::Pausing& pausing) {
  return formatDuration(std::chrono::ceil<std::chrono::seconds>(std::min(pausing.within, kLongestShown)));
}

std::string stateOf(const client::RunDetails& run, Microseconds now) {
  if (run.state == "ended" && !run.token.empty()) return "not started: " + escapeForDisplay(run.token);
  if (run.state == "ended" && run.exit) return exitText(*run.exit);
  std::string text = escapeForDisplay(run.state);
  if (run.held) text += " " + holderText(*run.held, now);
  if (run.pausing) text = "pausing, in " + leftText(*run.pausing) + " at the latest";
  if (!run.alarms.empty()) text += ", alarm: " + escapeForDisplay(run.alarms.back().kind);
  return text;
}

std::string field(std::string_view name, const std::string& value) {
  return std::string(name) + std::string(name.size() < 11 ? 11 - name.size() : 1, ' ') + value + "\n";
}

std::string wallLines(const client::RunDetails& run, Colour colour) {
  if (run.walls.empty()) return field("walls", "not proved yet");
  std::string text = "walls\n";
  for (const client::WallReading& wall : run.walls) {
    std::string name = escapeForDisplay(wall.wall);
    name.resize(std::max<std::size_t>(name.size(), 11), ' ');
    std::string line = "  " + name + (wall.up ? "up    " : "DOWN  ") + escapeForDisplay(wall.got);
    if (!wall.up) line += " (wanted " + escapeForDisplay(wall.wanted) + ")";
    if (!wall.proved.empty()) line += "  [" + escapeForDisplay(wall.proved) + "]";
    text += (wall.up ? line : paintRed(std::move(line), colour)) + "\n";
  }
  return text;
}

std::string costText(const Cost& cost) {
  return formatCostOrDash(cost) + (cost.usd && cost.isEstimated ? " (estimate)" : "");
}

std::string usageLine(const client::Usage& usage) {
  return "cpu " + formatCpuOrDash(usage.cpuUsec) + ", memory " + formatBytesOrDash(usage.memoryBytes) + " (peak " +
         formatBytesOrDash(usage.memoryPeakBytes) + "), processes " +
         (usage.pids ? std::to_string(*usage.pids) : std::string("-")) + ", read " +
         formatBytesOrDash(usage.ioReadBytes) + ", written " + formatBytesOrDash(usage.ioWriteBytes) + ", anonymous " +
         formatBytesOrDash(usage.anonymousBytes) + ", sent " + formatBytesOrDash(usage.networkSentBytes) +
         ", received " + formatBytesOrDash(usage.networkReceivedBytes) + ", tokens " +
         (usage.tokens ? std::to_string(*usage.tokens) : std::string("-")) + ", cost " + costText(costOf(usage));
}

bool isMoney(const client::Budget& budget) { return budget.limit.starts_with("cost"); }

std::string amountText(const client::Budget& budget, double amount) {
  if (isMoney(budget)) return dollarsText(static_cast<std::uint64_t>(std::llround(amount * kMicroUsd)));
  return std::to_string(std::llround(amount));
}

// "tokens: 820 of 1000, near its end", "cost_per_day (2026-03-31): $0.20 of $1.00".
std::string budgetLine(const client::Budget& budget) {
  std::string line =
      escapeForDisplay(budget.limit) + (budget.day.empty() ? "" : " (" + escapeForDisplay(budget.day) + ")");
  line += ": " + (budget.used ? amountText(budget, *budget.used) : std::string("-")) + " of " +
          amountText(budget, budget.edge);
  if (budget.state == "near") line += ", near its end";
  if (budget.state == "reached") line += ", used up";
  return line;
}

struct TextRoom {
  std::size_t name = 64;
  std::size_t command = kCommandCharacters;
};

// What a line of `columns` (0: no end) leaves for the two columns that hold texts of people.
TextRoom shareLine(const std::vector<std::vector<std::string>>& fixed, const std::vector<std::string>& names,
                   std::size_t columns) {
  TextRoom room;
  if (columns == 0) return room;
  std::vector<std::size_t> widths(fixed.front().size());
  for (const auto& row : fixed) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t used = 2 * (widths.size() + 1);
  for (const std::size_t width : widths) used += width;
  std::size_t longest = 0;
  for (const std::string& name : names) longest = std::max(longest, name.size());
  const std::size_t left = columns > used + 24 ? columns - used : 24;
  room.name = std::min(longest, left / 2);
  room.command = std::min(kCommandCharacters, left - room.name);
  return room;
}

}  // namespace

std::string pausingText(const client::Pausing& pausing) {
  return "asked by uid " + std::to_string(pausing.byUid) + ", comes in " + leftText(pausing) + " at the latest";
}

std::string waitingText(const client::RunDetails& run) {
  std::string text = run.pausing ? "waiting up to " + leftText(*run.pausing) : "waiting";
  text += " for " + escapeForDisplay(run.name.empty() ? run.id : run.name);
  return run.says.empty() ? text : text + " (its agent says: \"" + escapeForDisplay(run.says) + "\")";
}

std::string heldText(const client::HeldBy& held) {
  if (held.governor) return "by the governor: " + escapeForDisplay(held.reason);
  return held.reason == "asked" ? "asked by uid " + std::to_string(held.byUid) : escapeForDisplay(held.reason);
}

std::string exitText(const client::ExitStatus& exit) {
  std::string text = "status unknown";
  if (exit.signal) {
    const char* name = sigabbrev_np(*exit.signal);
    text = "killed by " + (name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(*exit.signal));
  } else if (exit.code) {
    text = "exit " + std::to_string(*exit.code);
  }
  if (exit.outOfMemory) text += " (out of memory)";
  return text;
}

std::string commandText(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command) {
    if (!text.empty()) text += ' ';
    text += quoteWord(word);
  }
  return text;
}

std::string runTable(const std::vector<client::RunDetails>& runs, Microseconds now, std::size_t columns) {
  std::vector<std::vector<std::string>> cells{{"RUN", "STATE", "TIME", "POLICY"}};
  std::vector<std::string> names{"NAME"}, commands{"COMMAND"};
  for (const client::RunDetails& run : runs) {
    cells.push_back({escapeForDisplay(run.id), stateOf(run, now), ageOf(run, now),
                     dashIfEmpty(run.policyName) + (run.weakened.empty() ? "" : " (weakened)")});
    names.push_back(dashIfEmpty(run.name));
    commands.push_back(commandText(run.command));
  }
  const TextRoom room = shareLine(cells, names, columns);
  Table table;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::vector<std::string> row = std::move(cells[i]);
    row.insert(row.begin() + 1, shorten(names[i], room.name));
    row.push_back(shorten(commands[i], room.command));
    table.add(std::move(row));
  }
  return table.text();
}

std::string runPage(const client::RunDetails& run, Microseconds now, Colour colour) {
  std::string text = field("run", escapeForDisplay(run.id));
  text += field("name", dashIfEmpty(run.name));
  text += field("state", run.state == "ended" ? "ended, " + stateOf(run, now) : stateOf(run, now));
  if (run.held)
    text += field(
        "held", heldText(*run.held) + (run.held->since.empty() ? "" : ", since " + escapeForDisplay(run.held->since)));
  if (run.pausing) text += field("pausing", pausingText(*run.pausing) + "; its agent asked for a moment of its own");
  if (!run.priority.empty()) text += field("class", escapeForDisplay(run.priority));
  for (const client::AlarmLine& alarm : run.alarms)
    text += field("alarm", escapeForDisplay(alarm.at) + "  " + escapeForDisplay(alarm.kind) + ": " +
                               escapeForDisplay(alarm.reason));
  if (!run.adapter.empty()) {
    const bool lives = run.ended.empty();
    text += field("adapter",
                  escapeForDisplay(run.adapter) +
                      (!run.hookHeardAt.empty() ? "; its hook was heard last at " + escapeForDisplay(run.hookHeardAt)
                       : lives                  ? "; its hook was not heard yet"
                                                : ""));
  }
  if (!run.says.empty())
    text += field("agent says", escapeForDisplay(run.saidAt) + "  \"" + escapeForDisplay(run.says) + "\"");
  for (const client::AlarmLine& limit : run.limitsReached)
    text += field("at limit", escapeForDisplay(limit.at) + "  " + escapeForDisplay(limit.kind) + ": " +
                                  escapeForDisplay(limit.reason));
  if (run.exit && !run.exit->note.empty()) text += field("note", escapeForDisplay(run.exit->note));
  text += field("command", commandText(run.command));
  text += field("workspace", dashIfEmpty(run.workspace));
  text += field("policy",
                dashIfEmpty(run.policyName) + (run.policyHash.empty() ? "" : "  " + escapeForDisplay(run.policyHash)));
  if (!run.policyFile.empty()) text += field("policy file", escapeForDisplay(run.policyFile));
  text += field("user", std::to_string(run.uid) + ", called by " + std::to_string(run.callerUid));
  if (run.pid > 0) text += field("pid", std::to_string(run.pid));
  text += field("started", dashIfEmpty(run.started));
  if (!run.ended.empty()) text += field("ended", escapeForDisplay(run.ended));
  text += field("time", ageOf(run, now));
  text += field("usage", usageLine(run.usage));
  for (const client::Budget& budget : run.usage.budgets) text += field("budget", budgetLine(budget));
  for (const client::Weakening& weakening : run.weakened) {
    text += field("weakened",
                  paintYellow(escapeForDisplay(weakening.wall) + ": " + escapeForDisplay(weakening.reason), colour));
  }
  text += wallLines(run, colour);
  for (const std::string& note : run.notes) text += field("note", escapeForDisplay(note));
  return text;
}

std::string usageTable(const std::vector<client::UsageRow>& rows) {
  Table table({"RUN", "NAME", "STATE", "CPU", "MEMORY", "PEAK", "PROCESSES", "READ", "WRITTEN", "SENT", "RECEIVED",
               "TOKENS", "COST"});
  for (const client::UsageRow& row : rows) {
    const client::Usage& usage = row.usage;
    table.add({escapeForDisplay(row.run), dashIfEmpty(row.name), escapeForDisplay(row.state),
               formatCpuOrDash(usage.cpuUsec), formatBytesOrDash(usage.memoryBytes),
               formatBytesOrDash(usage.memoryPeakBytes), usage.pids ? std::to_string(*usage.pids) : "-",
               formatBytesOrDash(usage.ioReadBytes), formatBytesOrDash(usage.ioWriteBytes),
               formatBytesOrDash(usage.networkSentBytes), formatBytesOrDash(usage.networkReceivedBytes),
               usage.tokens ? std::to_string(*usage.tokens) : "-", costText(costOf(usage))});
  }
  return table.text();
}

std::string spendingTable(const std::vector<client::DaySpending>& spendings) {
  if (spendings.empty()) return {};
  Table table({"DAY", "USER", "POLICY", "TOKENS", "COST", "QUESTIONS", "TIME"});
  for (const client::DaySpending& one : spendings) {
    table.add({escapeForDisplay(one.day), std::to_string(one.uid), escapeForDisplay(one.policy),
               one.tokens ? std::to_string(*one.tokens) : "-", costText(costOf(one)),
               one.prompts ? std::to_string(*one.prompts) : "-",
               one.wallTimeMs ? formatDuration(std::chrono::milliseconds(*one.wallTimeMs)) : "-"});
  }
  return table.text();
}

std::string seriesTable(const std::vector<client::UsageBucket>& series) {
  Table table({"RUN", "AT", "SECONDS", "CPU", "MEMORY", "LEAST", "MOST", "PROCESSES", "READ", "WRITTEN"});
  for (const client::UsageBucket& bucket : series) {
    table.add({escapeForDisplay(bucket.run), formatRfc3339(bucket.start), std::to_string(bucket.seconds),
               formatCpuOrDash(bucket.cpuUsec), formatBytesOrDash(bucket.memoryMean),
               formatBytesOrDash(bucket.memoryMin), formatBytesOrDash(bucket.memoryMax),
               bucket.pidsMax ? std::to_string(*bucket.pidsMax) : "-", formatBytesOrDash(bucket.ioReadBytes),
               formatBytesOrDash(bucket.ioWriteBytes)});
  }
  return table.text();
}

std::string deviceLines(const client::Device& device) {
  const auto waited = [&](const std::optional<std::uint64_t>& usec) { return formatCpuOrDash(usec); };
  std::string text = field("machine", (device.cpus ? std::to_string(*device.cpus) : std::string("-")) +
                                          " processors, busy " + formatCpuOrDash(device.cpuBusyUsec) + ", memory " +
                                          formatBytesOrDash(device.memoryAvailableBytes) + " free of " +
                                          formatBytesOrDash(device.memoryTotalBytes));
  text += field("waited", "for processors " + waited(device.pressure.cpuUsec) + ", memory " +
                              waited(device.pressure.memoryUsec) + ", disks " + waited(device.pressure.ioUsec));
  if (device.battery) {
    const auto& percent = device.battery->percent;
    text += field("battery", (percent ? std::to_string(*percent) + " %" : std::string("-")) +
                                 (device.battery->discharging ? ", discharging" : ""));
  }
  return text;
}

std::string logText(const client::LogLine& line) {
  std::string seq = std::to_string(line.seq);
  if (seq.size() < 6) seq.insert(0, 6 - seq.size(), ' ');
  std::string kind = escapeForDisplay(line.kind);
  kind.resize(std::max<std::size_t>(kind.size(), 16), ' ');
  const std::string run = line.run.empty() ? std::string(18, '-') : escapeForDisplay(line.run);
  return seq + "  " + escapeForDisplay(line.at) + "  " + run + "  " + kind + "  " + escapeForDisplay(line.bodyJson) +
         "\n";
}

}  // namespace ringfence::cli
