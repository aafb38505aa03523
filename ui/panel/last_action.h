// What a line of the log says that a run did last, in a few words for its card. Pure.
#pragma once

#include <QString>

#include "sdk/client/client.h"

namespace ringfence::ui {

// Of some kinds, without reading the line's body: this one is about something that a run did.
bool tellsOfAction(const client::LogLine& line);
// "Asked to connect to example.org:443"; empty: it tells nothing of an action.
QString lastActionOf(const client::LogLine& line);

}  // namespace ringfence::ui
