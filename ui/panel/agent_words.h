// What the page of an agent says of it. Pure; untrusted text is fit to be shown.
#pragma once

#include <QString>

#include "sdk/client/client.h"

namespace ringfence::ui {

// "All 10 walls are up." or which are not, and what was weakened.
QString wallsWords(const client::RunDetails& run);
// "Ended with status 1", for a run that is over; else its state as the daemon says it.
QString endWords(const client::RunDetails& run);
// Some lines.
QString priceWords(const client::PriceAnswer& price);

}  // namespace ringfence::ui
