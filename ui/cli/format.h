// Figures and tables for people, and the times that people type. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/clock.h"

namespace ringfence::cli {

enum class Colour { kOff, kOn };

// "850ms", "12s", "4m07s", "2h05m", "3d04h".
std::string formatDuration(Microseconds duration);
// "-" for what is not known.
std::string formatBytesOrDash(const std::optional<std::uint64_t>& count);
std::string formatCpuOrDash(const std::optional<std::uint64_t>& usec);
// What was spent, and how far that is known.
struct Cost {
  std::optional<double> usd;
  bool isEstimated = false;   // some of it is list prices times tokens
  bool isIncomplete = false;  // some of it is not known
};
Cost costOf(const auto& spender) { return {spender.costUsd, spender.costEstimated, spender.costIncomplete}; }
// "$0.42"; "~" before it where it is estimated, ">" where it is incomplete; "-" for what is not known at all.
std::string formatCostOrDash(const Cost& cost);

// How many characters a text in UTF-8 has.
std::size_t characterCount(std::string_view text);

// Columns aligned by the number of characters, two blanks between, the last one not padded. Cells are already escaped.
class Table {
 public:
  Table() = default;
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "90s", "10m", "2h", "3d".
std::optional<Microseconds> parseAge(std::string_view text);

// What `log --since` takes: a sequence number, or an instant (an age counts back from `now`).
struct Since {
  std::uint64_t seq = 0;
  std::optional<Microseconds> wall;
};
std::optional<Since> parseSince(std::string_view text, Microseconds now);

// "red" and friends around text when colour is on.
std::string paintRed(std::string text, Colour colour);
std::string paintYellow(std::string text, Colour colour);

}  // namespace ringfence::cli
