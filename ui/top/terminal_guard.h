// Gives the terminal back also when this program crashes: its mode, its first screen, its cursor. What a normal end
// does is the business of screen.h. One a program; nothing helps against SIGKILL.
#pragma once

#include "sdk/base/result.h"

namespace ringfence::top {

// What terminfo has of $TERM is known afterwards; false: nothing.
bool loadTerminal(int terminal);
// Remembers the mode that `terminal` has now. After loadTerminal.
void guardTerminal(int terminal);

}  // namespace ringfence::top
