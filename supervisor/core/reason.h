// Why something was done, in words of a person, an agent or another program, as facts keep it. For the decide*.cc files
// alone.
#pragma once

#include <string>
#include <string_view>

#include "sdk/base/bounded_text.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// To kMaxReasonBytes, between two characters: the log has text that is no UTF-8 as base64, which nobody reads.
inline std::string boundedReason(std::string_view reason) { return std::string(beginningOf(reason, kMaxReasonBytes)); }

}  // namespace ringfence::supervisor
