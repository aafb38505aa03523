#include "ui/top/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "ui/cli/format.h"
#include "ui/top/display_width.h"

namespace ringfence::top {
namespace {

constexpr std::size_t kNarrow = 60;  // columns of a screen where names have to be short
constexpr std::size_t kLeastName = 8, kUsualName = 14, kMostName = 32;
constexpr std::size_t kLeastWhy = 20, kMostWhy = 200;

std::string orDash(const std::optional<std::uint64_t>& number) { return number ? std::to_string(*number) : "-"; }

std::string countText(const std::optional<std::uint64_t>& number) {
  if (!number || *number < 1'000'000) return orDash(number);
  return std::to_string(*number / 1000) + "k";
}

std::string className(const Row& row) {
  if (row.priority == "interactive") return "inter";
  if (row.priority == "background") return "backgr";
  return row.priority.empty() ? "-" : row.priority;
}

std::optional<double> number(const std::optional<std::uint64_t>& bytes) {
  return bytes ? std::optional<double>(static_cast<double>(*bytes)) : std::nullopt;
}

std::string stateWord(const Row& row) {
  if (row.heldByGovernor) return "held";
  return row.pausing ? "pausing" : row.state;
}

enum class Side { kLeft, kRight };
struct Column {
  const char* title;
  std::size_t width;  // least; NAME and WHY take what is left
  int rank;           // the highest goes first where there is no room; 0: never
  Side side;
  std::string (*cell)(const Row&);
};

constexpr int kWhyRank = 13;
// In the order of the screen.
constexpr Column kColumns[] = {
    {"NAME", kUsualName, 0, Side::kLeft, [](const Row& row) { return row.name; }},
    {"CLASS", 6, 7, Side::kLeft, className},
    {"STATE", 8, 0, Side::kLeft, stateWord},
    {"CPU%", 6, 0, Side::kRight, [](const Row& row) { return percentText(row.cpu); }},
    {"MEMORY", 6, 1, Side::kRight, [](const Row& row) { return shortBytes(number(row.memory)); }},
    {"MEM/s", 7, 3, Side::kRight, [](const Row& row) { return shortBytes(row.growth, Sign::kShown); }},
    {"READ/s", 6, 4, Side::kRight, [](const Row& row) { return shortBytes(row.read); }},
    {"WRITE/s", 7, 5, Side::kRight, [](const Row& row) { return shortBytes(row.written); }},
    {"NET/s", 6, 6, Side::kRight, [](const Row& row) { return shortBytes(row.network); }},
    {"ACCEL%", 6, 9, Side::kRight, [](const Row& row) { return percentText(row.accelerator); }},
    {"TOKENS", 7, 10, Side::kRight, [](const Row& row) { return countText(row.tokens); }},
    {"COST", 7, 8, Side::kRight, [](const Row& row) { return cli::formatCostOrDash(cli::costOf(row)); }},
    {"PIDS", 5, 12, Side::kRight, [](const Row& row) { return orDash(row.pids); }},
    {"ASKS", 4, 2, Side::kRight, [](const Row& row) { return orDash(row.questions); }},
    {"TIME", 7, 11, Side::kRight,
     [](const Row& row) { return row.age ? cli::formatDuration(*row.age) : std::string("-"); }},
    {"WHY", kLeastWhy, kWhyRank, Side::kLeft, [](const Row& row) { return row.why; }},
};

struct Placed {
  const Column* column;
  std::size_t width;
};

std::size_t totalWidth(const std::vector<Placed>& placed) {
  std::size_t width = placed.empty() ? 0 : placed.size() - 1;
  for (const Placed& one : placed) width += one.width;
  return width;
}

std::vector<Placed> chosen(const View& view, std::size_t columns) {
  const bool anyHeld = std::ranges::any_of(view.rows, [](const Row& row) { return !row.why.empty(); });
  std::vector<Placed> placed;
  for (const Column& column : kColumns) {
    if (column.rank == kWhyRank && !anyHeld) continue;
    placed.push_back({&column, column.width});
  }
  if (columns < kNarrow) placed.front().width = kLeastName;
  while (totalWidth(placed) > columns) {
    const auto least = std::ranges::max_element(placed, {}, [](const Placed& one) { return one.column->rank; });
    if (least->column->rank == 0) break;
    placed.erase(least);
  }
  std::size_t left = columns - std::min(columns, totalWidth(placed));
  const auto widen = [&](Placed& one, std::size_t most) {
    const std::size_t more = std::min(left, most - std::min(most, one.width));
    one.width += more;
    left -= more;
  };
  std::size_t longest = placed.front().width;
  for (const Row& row : view.rows) longest = std::max(longest, widthOf(row.name));
  widen(placed.front(), std::min(longest, kMostName));
  if (placed.back().column->rank == kWhyRank) widen(placed.back(), kMostWhy);
  return placed;
}

template <typename Cell>
std::string lineOf(const std::vector<Placed>& placed, std::size_t columns, const Cell& cell) {
  std::string line;
  for (const Placed& one : placed) {
    if (!line.empty()) line += ' ';
    const std::string text = cell(*one.column);
    line += one.column->side == Side::kLeft ? leftAligned(text, one.width) : rightAligned(text, one.width);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  return fitted(line, columns);
}

}  // namespace

TableText tableOf(const View& view, std::size_t columns) {
  constexpr std::size_t kEveryColumn = 400;
  if (columns == 0) columns = kEveryColumn;
  const std::vector<Placed> placed = chosen(view, columns);
  TableText table{lineOf(placed, columns, [](const Column& column) { return std::string(column.title); }), {}};
  for (const Row& row : view.rows)
    table.rows.push_back(lineOf(placed, columns, [&](const Column& column) { return column.cell(row); }));
  return table;
}

std::string shortBytes(const std::optional<double>& bytes, Sign sign) {
  if (!bytes || !std::isfinite(*bytes)) return "-";
  constexpr char kUnits[] = {'\0', 'K', 'M', 'G', 'T', 'P', 'E'};
  double value = std::fabs(*bytes);
  std::size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  const char* plus = sign == Sign::kShown && *bytes >= 0.5 ? "+" : *bytes <= -0.5 ? "-" : "";
  char text[40];
  std::snprintf(text, sizeof text, unit > 0 && value < 9.95 ? "%s%.1f" : "%s%.0f", plus, value);
  std::string out = text;
  if (kUnits[unit] != '\0') out += kUnits[unit];
  return out;
}

std::string percentText(const std::optional<double>& percent) {
  if (!percent || !std::isfinite(*percent)) return "-";
  char text[400];
  std::snprintf(text, sizeof text, *percent < 9999 ? "%.1f" : "%.0f", *percent);
  return text;
}

}  // namespace ringfence::top
