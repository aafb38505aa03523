// Samples of what runs used, which come by the second, minute or hour, as equally long steps that a plot can show.
// Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/client/client.h"

namespace ringfence::ui {

// A value for each step, the newest last; absent: not known then.
struct BinnedUsage {
  std::vector<std::optional<double>> cpu;     // percent of one processor
  std::vector<std::optional<double>> memory;  // bytes
  std::vector<std::optional<double>> io;      // bytes a second, read and written
};

struct BinSpan {
  std::chrono::microseconds from{}, until{};  // wall clock
  std::size_t bins = 240;
};
// By run. Between two samples that are further apart than the daemon takes them nothing is known.
std::map<std::string, BinnedUsage> binUsage(const std::vector<client::UsageBucket>& series, const BinSpan& span);

}  // namespace ringfence::ui
