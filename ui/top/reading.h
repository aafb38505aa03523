// What one frame needs, asked of the daemon.
#pragma once

#include "ui/top/model.h"

namespace ringfence::top {

// Everything, asked one after the other. Blocks for as long as the daemon takes.
client::Answer<Reading> readAll(client::Client& client);

}  // namespace ringfence::top
