// Which of the processes that a window system names may be reported as the one in front.
#pragma once

#include <cstdint>

#include "ui/tray/focus_pace.h"

namespace ringfence::ui {

// Absent: there is no such process, or it is another user's. Looks into /proc.
FrontProcess ownProcess(std::int32_t pid);

}  // namespace ringfence::ui
