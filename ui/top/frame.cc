#include "ui/top/frame.h"

#include <algorithm>

#include "ui/top/display_width.h"
#include "ui/top/head.h"
#include "ui/top/table.h"

namespace ringfence::top {
namespace {

constexpr std::size_t kBottomLines = 2;  // about the chosen run; keys or a message
constexpr std::size_t kMarkColumns = 1;  // '>' in front of the chosen run

// Never more than a third of the screen: the runs are what it is for.
std::vector<std::string> headOf(const View& view, Size size) {
  std::vector<std::string> lines{fitted("ringfence top: " + titleOf(view), size.columns)};
  for (std::string& line : machineLines(view.machine, size.columns)) lines.push_back(std::move(line));
  lines.resize(std::min(lines.size(), std::max<std::size_t>(size.rows / 3, 1)));
  return lines;
}

// Words broken between two at `columns`.
std::vector<std::string> paragraph(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find(' ', from), text.size());
    const std::string_view word = text.substr(from, end - from);
    if (!lines.empty() && widthOf(lines.back()) + 1 + widthOf(word) <= columns)
      lines.back() += " " + std::string(word);
    else
      lines.push_back(fitted(word, columns));
    from = end + 1;
  }
  return lines;
}

std::vector<Line> helpLines(std::size_t columns) {
  std::string sorting = "Sorting:";
  for (const SortName& name : sortNames())
    sorting +=
        " " + std::string(1, name.letter) + " " + std::string(name.shown) + (name.key == SortKey::kName ? "." : ",");
  const std::string paragraphs[] = {
      "Arrows, PgUp, PgDn, Home, End choose a run; a key acts on that one, marked '>'.",
      "f freezes it where it stands, r lets it go on. s asks it to end, and kills it after 5 seconds. k, twice, kills "
      "it now with all its processes.",
      "STATE 'pausing': its agent asked for a moment of its own to be frozen at; f again freezes it at once, r takes "
      "it "
      "back.",
      sorting,
      "STATE 'held': frozen by the governor, which lets it go on by itself; the reason stands below for the chosen "
      "run, "
      "and under WHY on a wide screen.",
      "CPU% and ACCEL% count one processor or device as 100. K, M, G are 1024 bytes and so on; MEM/s is what its "
      "memory "
      "grew over the last ten seconds. '-' is not known. CLASS: 'inter'active, 'backgr'ound, idle.",
      "ASKS: questions that wait for you. 'ringfence pending' shows them; they are not answered here.",
      "q or Ctrl-C leaves; runs go on. Arrows scroll this help, any other key leaves it.",
  };
  std::vector<Line> lines;
  for (const std::string& text : paragraphs) {
    for (std::string& line : paragraph(text, columns)) lines.push_back({std::move(line)});
  }
  return lines;
}

Style styleOf(const Row& row) {
  if (row.heldByGovernor || row.pausing || row.state == "frozen") return Style::kHeldRun;
  return row.questions.value_or(0) > 0 ? Style::kAskingRun : Style::kRun;
}

std::vector<Line> tableLines(const View& view, const Control& control, Size size) {
  const TableText table = tableOf(view, std::max<std::size_t>(size.columns, kMarkColumns + 1) - kMarkColumns);
  std::vector<Line> lines{{" " + table.header, Style::kHeader}};
  if (view.rows.empty()) lines.push_back({" No run of yours. 'ringfence run -- COMMAND' starts one."});
  for (std::size_t i = control.firstRow(); i < view.rows.size(); ++i) {
    const bool chosen = view.rows[i].run == control.chosen();
    lines.push_back({(chosen ? ">" : " ") + table.rows[i], styleOf(view.rows[i]), chosen ? Chosen::kYes : Chosen::kNo});
  }
  return lines;
}

// About the chosen run: its id, and why it is held or what it runs.
std::string chosenText(const View& view, const Control& control) {
  const auto row = std::ranges::find(view.rows, control.chosen(), &Row::run);
  if (control.chosen().empty() || row == view.rows.end()) return "";
  if (row->pausing) return row->run + ": to be frozen, " + row->why;
  if (row->state == "frozen") return row->run + ": frozen " + (row->why.empty() ? "" : row->why);
  if (!row->says.empty() && row->questions.value_or(0) == 0)
    return row->run + ": its agent says: \"" + row->says + "\"";
  return row->run + ": " + (row->questions.value_or(0) > 0 ? "asks; see 'ringfence pending'. " : "") + row->command;
}

std::vector<Line> bottomLines(const View& view, const Control& control, std::size_t columns) {
  std::vector<std::string> message = paragraph(control.message(), columns);
  message.resize(std::min(message.size(), kBottomLines));
  std::vector<Line> lines;
  if (message.size() < kBottomLines) lines.push_back({fitted(chosenText(view, control), columns), Style::kPlain});
  for (std::string& line : message) lines.push_back({std::move(line), Style::kNotice});
  if (!message.empty()) return lines;
  const std::vector<std::string> keys =
      wrapped({"q quit", "? help", "f freeze", "r resume", "s stop", "k kill", "c m g i w a t o n sort"}, columns);
  lines.push_back({keys.front(), Style::kTitle});
  return lines;
}

}  // namespace

std::size_t tableRows(const View& view, Size size) {
  const std::size_t others = headOf(view, size).size() + 1 + kBottomLines;
  return size.rows > others ? size.rows - others : 0;
}

std::vector<Line> frameOf(const View& view, const Control& control, const std::string& trouble, Size size) {
  std::vector<Line> lines;
  for (std::string& line : headOf(view, size))
    lines.push_back({std::move(line), lines.empty() ? Style::kTitle : Style::kPlain});
  std::vector<Line> middle;
  if (control.showsHelp()) {
    lines.clear();
    middle = helpLines(size.columns);
    // Its last line is always there: who scrolls too far sees that it ends.
    middle.erase(middle.begin(),
                 middle.begin() + static_cast<std::ptrdiff_t>(std::min(control.helpFrom(), middle.size() - 1)));
  } else if (!trouble.empty()) {
    lines = {{fitted("ringfence top", size.columns), Style::kTitle}};
    for (std::string& line : paragraph(trouble, size.columns)) middle.push_back({std::move(line), Style::kTrouble});
  } else {
    middle = tableLines(view, control, size);
  }
  for (Line& line : middle) lines.push_back(std::move(line));
  const std::size_t above = size.rows - std::min(size.rows, kBottomLines);
  lines.resize(above);
  for (Line& line : bottomLines(view, control, size.columns)) lines.push_back(std::move(line));
  lines.resize(size.rows);
  for (Line& line : lines) line.text = fitted(line.text, size.columns);
  return lines;
}

std::string frameText(const View& view, std::size_t columns) {
  std::string text = "ringfence top: " + titleOf(view) + "\n";
  for (const std::string& line : machineLines(view.machine, columns)) text += line + "\n";
  const TableText table = tableOf(view, columns);
  text += "\n" + table.header + "\n";
  for (const std::string& row : table.rows) text += row + "\n";
  return text;
}

}  // namespace ringfence::top
