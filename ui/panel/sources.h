// What the window and its pages show and act through.
#pragma once

#include "ui/shared/link.h"
#include "ui/shared/runs_model.h"
#include "ui/shared/stop_link.h"

namespace ringfence::ui {

// Borrowed: outlives them.
struct Sources {
  Link& link;
  StopLink& stop;
  RunsModel& runs;
};

}  // namespace ringfence::ui
