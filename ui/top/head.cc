#include "ui/top/head.h"

#include <algorithm>
#include <cstdio>

#include "ui/cli/format.h"
#include "ui/top/display_width.h"
#include "ui/top/table.h"

namespace ringfence::top {
namespace {

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string withPercent(const std::optional<double>& share) {
  const std::string text = percentText(share);
  return text == "-" ? text : text + "%";
}

std::string wattsText(const std::optional<double>& watts) {
  if (!watts) return "-";
  char text[400];
  std::snprintf(text, sizeof text, "%.1f W", *watts);
  return text;
}

std::string batteryText(const client::Battery& battery) {
  std::string text = "battery " + (battery.percent ? std::to_string(*battery.percent) + "%" : std::string("-"));
  if (battery.discharging) text += " discharging";
  if (battery.microwatts) text += " " + wattsText(static_cast<double>(*battery.microwatts) / 1e6);
  return text;
}

}  // namespace

std::string titleOf(const View& view) {
  std::size_t frozen = 0, held = 0, questions = 0;
  for (const Row& row : view.rows) {
    if (row.heldByGovernor)
      ++held;
    else if (row.state == "frozen")
      ++frozen;
    questions += row.questions.value_or(0);
  }
  std::string title = view.isStopped ? "EMERGENCY STOP, 'ringfence rearm' ends it; " : "";
  if (!view.canBeStopped) title += "ALARM: nobody can stop everything; ";
  title += counted(view.rows.size(), "run", "runs");
  if (frozen > 0) title += ", " + std::to_string(frozen) + " frozen";
  if (held > 0) title += ", " + std::to_string(held) + " held by the governor";
  if (questions > 0) title += ", " + counted(questions, "question waits", "questions wait");
  return title + "; sorted by " + std::string(nameOf(view.key).shown);
}

std::vector<std::string> machineLines(const std::optional<Machine>& machine, std::size_t columns) {
  if (!machine) return {fitted("machine: not known", columns == 0 ? 80 : columns)};
  std::vector<std::string> pieces;
  pieces.push_back("cpu " + withPercent(machine->cpu) + " of " +
                   (machine->cpus ? std::to_string(*machine->cpus * 100ULL) + "%" : std::string("-")));
  pieces.push_back("memory " + cli::formatBytesOrDash(machine->memoryAvailable) + " free of " +
                   cli::formatBytesOrDash(machine->memoryTotal));
  pieces.push_back("waiting for cpu " + withPercent(machine->waitsForCpu));
  pieces.push_back("for memory " + withPercent(machine->waitsForMemory));
  pieces.push_back("for disks " + withPercent(machine->waitsForDisks));
  pieces.push_back("gpu " + withPercent(machine->gpu));
  pieces.push_back("npu " + withPercent(machine->npu));
  if (machine->power.empty()) pieces.emplace_back("power -");
  for (const Power& power : machine->power) pieces.push_back("power of " + power.domain + " " + wattsText(power.watts));
  if (machine->battery) pieces.push_back(batteryText(*machine->battery));
  return wrapped(pieces, columns);
}

std::vector<std::string> wrapped(const std::vector<std::string>& pieces, std::size_t columns) {
  std::vector<std::string> lines;
  for (const std::string& piece : pieces) {
    const bool fits = !lines.empty() && (columns == 0 || widthOf(lines.back()) + 2 + widthOf(piece) <= columns);
    if (fits)
      lines.back() += "  " + piece;
    else
      lines.push_back(columns == 0 ? piece : fitted(piece, columns));
  }
  return lines;
}

}  // namespace ringfence::top
