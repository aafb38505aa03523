#include "ui/cli/format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "sdk/base/money.h"
#include "sdk/base/units.h"
#include "sdk/base/whole_number.h"

namespace ringfence::cli {
namespace {

std::string twoParts(long long large, char largeUnit, long long small, char smallUnit) {
  char text[48];
  std::snprintf(text, sizeof text, "%lld%c%02lld%c", large, largeUnit, small, smallUnit);
  return text;
}

}  // namespace

std::string formatDuration(Microseconds duration) {
  const long long milliseconds = std::max<long long>(0, std::chrono::duration_cast<Milliseconds>(duration).count());
  const long long seconds = milliseconds / 1000;
  if (seconds == 0) return std::to_string(milliseconds) + "ms";
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return twoParts(seconds / 60, 'm', seconds % 60, 's');
  if (seconds < 86400) return twoParts(seconds / 3600, 'h', seconds / 60 % 60, 'm');
  return twoParts(seconds / 86400, 'd', seconds / 3600 % 24, 'h');
}

std::string formatBytesOrDash(const std::optional<std::uint64_t>& count) {
  return count ? formatBytes(Bytes{*count}) : "-";
}

std::string formatCpuOrDash(const std::optional<std::uint64_t>& usec) {
  if (!usec) return "-";
  if (*usec >= 60'000'000) return formatDuration(Microseconds(static_cast<std::int64_t>(*usec)));
  char text[32];
  std::snprintf(text, sizeof text, "%.2fs", static_cast<double>(*usec) / 1e6);
  return text;
}

std::string formatCostOrDash(const Cost& cost) {
  if (!cost.usd) return "-";
  return std::string(cost.isIncomplete ? ">" : "") + (cost.isEstimated ? "~" : "") +
         dollarsText(static_cast<std::uint64_t>(std::llround(*cost.usd * kMicroUsd)));
}

std::size_t characterCount(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], characterCount(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out += std::string(widths[i] - characterCount(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::optional<Microseconds> parseAge(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto number = wholeNumber<std::uint64_t>(text.substr(0, text.size() - 1));
  if (!number || *number > 100'000'000) return std::nullopt;
  const auto count = static_cast<std::int64_t>(*number);
  switch (text.back()) {
    case 's': return std::chrono::seconds(count);
    case 'm': return std::chrono::minutes(count);
    case 'h': return std::chrono::hours(std::min<std::int64_t>(count, 24 * 36500));
    case 'd': return std::chrono::days(std::min<std::int64_t>(count, 36500));
    default: return std::nullopt;
  }
}

std::optional<Since> parseSince(std::string_view text, Microseconds now) {
  if (const auto seq = wholeNumber<std::uint64_t>(text)) return Since{*seq, std::nullopt};
  if (const auto age = parseAge(text)) return Since{0, now - *age};
  if (const auto instant = parseRfc3339(text)) return Since{0, *instant};
  return std::nullopt;
}

std::string paintRed(std::string text, Colour colour) {
  return colour == Colour::kOn ? "\x1b[31m" + std::move(text) + "\x1b[0m" : text;
}

std::string paintYellow(std::string text, Colour colour) {
  return colour == Colour::kOn ? "\x1b[33m" + std::move(text) + "\x1b[0m" : text;
}

}  // namespace ringfence::cli
