// The lines above the table: how many runs there are, and the machine. Pure.
#pragma once

#include <string>
#include <vector>

#include "ui/top/model.h"

namespace ringfence::top {

// "3 runs, 1 held by the governor, 2 questions wait; sorted by CPU", after what is more urgent.
std::string titleOf(const View& view);
// Broken between figures, never within one, at `columns`; 0: one line.
std::vector<std::string> machineLines(const std::optional<Machine>& machine, std::size_t columns);
// As many of the pieces, from the first on, as fit into lines of `columns`, two blanks between them.
std::vector<std::string> wrapped(const std::vector<std::string>& pieces, std::size_t columns);

}  // namespace ringfence::top
