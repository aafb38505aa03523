// What the whole device uses, as lines of words. Pure. What it does not tell is unknown, never 0.
#pragma once

#include <QString>
#include <optional>
#include <vector>

#include "ui/top/model.h"

namespace ringfence::ui {

struct DeviceLine {
  QString name, value;
};
std::vector<DeviceLine> deviceLines(const std::optional<top::Machine>& machine);

}  // namespace ringfence::ui
