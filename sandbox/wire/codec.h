// Messages as bytes: one tagged, versioned, bounded form, fuzzed. A decoder never trusts a length and never allocates
// more than the packet holds; anything left over, missing or out of range is kInvalid naming the field.
#pragma once

#include <string>
#include <string_view>

#include "sandbox/wire/messages.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

inline constexpr Bytes kMaxWirePacket = kibibytes(128);

// The last seccomp table that crossed and the bytes that are its only encoding: plans of one policy have the same
// table, two thirds of a Launch, and who has it at hand need not take it apart again.
struct KnownTable {
  SharedSeccompTable table;
  std::string bytes;  // empty: none is known
};

// `known`: of the side that calls; it is looked up and kept up to date. Null: every table is written and read anew.
std::string encode(const LauncherRequest& request, KnownTable* known = nullptr);
std::string encode(const LauncherEvent& event);
// The same, checked: fails with kInvalid naming the field that the peer would refuse (a NUL byte in a path, no run id)
// or when the message is longer than kMaxWirePacket.
Result<std::string> encodeBounded(const LauncherRequest& request);
Result<std::string> encodeBounded(const LauncherEvent& event);
Result<LauncherRequest> decodeRequest(std::string_view packet, KnownTable* known = nullptr);
// One that did not fit into a packet; sandbox/wire/long_message.h says how it travels and how long it may be.
Result<LauncherRequest> decodeLongRequest(std::string_view message, KnownTable* known = nullptr);
Result<LauncherEvent> decodeEvent(std::string_view packet);

}  // namespace ringfence::sandbox
