// Messages as bytes: one tagged, versioned, bounded form, fuzzed. A decoder never trusts a length and never allocates
// more than the packet holds; anything left over, missing or out of range is kInvalid naming the field.
#pragma once

#include <string>
#include <string_view>

#include "sandbox/wire/messages.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

inline constexpr Bytes kMaxWirePacket = kibibytes(128);

std::string encode(const LauncherRequest& request);
std::string encode(const LauncherEvent& event);
// The same, checked: fails with kInvalid naming the field that the peer would refuse (a NUL byte in a path, no run id)
// or when the message is longer than kMaxWirePacket.
Result<std::string> encodeBounded(const LauncherRequest& request);
Result<std::string> encodeBounded(const LauncherEvent& event);
Result<LauncherRequest> decodeRequest(std::string_view packet);
// One that did not fit into a packet; sandbox/wire/long_message.h says how it travels and how long it may be.
Result<LauncherRequest> decodeLongRequest(std::string_view message);
Result<LauncherEvent> decodeEvent(std::string_view packet);

}  // namespace ringfence::sandbox
