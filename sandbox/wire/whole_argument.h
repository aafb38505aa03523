// How long an argument of a command may be to be told whole. A longer one is cut, and says so at its end.
#pragma once

#include "sandbox/wire/guard.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxWholeArgument = kMaxGuardText - 128;

}  // namespace ringfence::sandbox
