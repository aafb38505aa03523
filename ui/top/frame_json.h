// One frame for programs: a line for each run, then one for the machine. Unknown is null, never 0. Pure.
#pragma once

#include <string>

#include "ui/top/model.h"

namespace ringfence::top {

std::string frameJson(const View& view, const Reading& now);

}  // namespace ringfence::top
