// The runs as lines of text, in the columns that a screen has room for. Pure.
#pragma once

#include <string>
#include <vector>

#include "ui/top/model.h"

namespace ringfence::top {

struct TableText {
  std::string header;
  std::vector<std::string> rows;  // as many as the view has
};
// No line is wider than `columns`; 0: lines have no end, and every column is there.
TableText tableOf(const View& view, std::size_t columns);

// "6.0G", "512K", "0"; with Sign::kShown "+1.2M". Not wider than five columns and the sign. "-" for what is not known.
enum class Sign { kNone, kShown };
std::string shortBytes(const std::optional<double>& bytes, Sign sign = Sign::kNone);
// "1.5", "150.0", "12800".
std::string percentText(const std::optional<double>& percent);

}  // namespace ringfence::top
