// What the bar says of everything at once. Pure.
#pragma once

#include <QString>
#include <optional>
#include <vector>

#include "ui/shared/glyphs.h"
#include "ui/top/model.h"

namespace ringfence::ui {

struct BarState {
  enum class Kind { kUnknown, kIdle, kRunning, kPaused, kStopped };
  Kind kind = Kind::kUnknown;
  QString words;  // "3 running, 1 paused"
  Glyph shape = Glyph::kUnknown;
  std::optional<std::uint64_t> questions;  // absent: not known
};

// `known`: the rows and the stop are those of now.
enum class Knowledge { kNothing, kOfNow };
BarState barStateOf(Knowledge known, const client::StopState& stop, const std::vector<top::Row>& rows);

}  // namespace ringfence::ui
