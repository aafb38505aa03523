// The icon in the tray, drawn: each state has a shape of its own, so that nobody needs the colours.
#pragma once

#include <QIcon>

#include "ui/tray/standing.h"

namespace ringfence::ui {

// In the sizes that panels of desktops use. A ring: idle; with a dot: working; with two bars: paused; a speech bubble
// with a number: it needs you; a filled octagon with a bar: STOPPED; a broken ring: not known.
QIcon stateIcon(const Standing& standing);

}  // namespace ringfence::ui
