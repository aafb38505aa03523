// Messages as bytes: one tagged, versioned, bounded form, fuzzed. A decoder never trusts a length and never allocates more
// than the packet holds; anything left over, missing or out of range is kInvalid naming the field.
#pragma once

#include <string>
#include <string_view>

#include "sandbox/wire/messages.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

inline constexpr Bytes kMaxWirePacket = kibibytes(128);

std::string encode(const LauncherRequest& request);
std::string encode(const LauncherEvent& event);
Result<LauncherRequest> decodeRequest(std::string_view packet);
Result<LauncherEvent> decodeEvent(std::string_view packet);

}  // namespace ringfence::sandbox
