// The screen for as long as it is shown: keys, signals, and what the daemon tells.
#pragma once

#include "ui/top/feed.h"
#include "ui/top/screen.h"

namespace ringfence::top {

// Returns when the person leaves, with the status to end with. A signal that ends programs ends this one as well, when
// the terminal was given back. Fails, with nothing done to the terminal, when it cannot show a screen.
Result<int> showScreen(SortKey key);

}  // namespace ringfence::top
