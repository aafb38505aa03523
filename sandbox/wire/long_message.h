// Requests longer than a packet: a run with a long prompt among its arguments, or a large environment. The packet is
// then one byte and the message itself a sealed memfd, the last of its descriptors; everything else stays as it is.
//
//   Packet packet = RF_TRY(packRequest(encode(request)));  // sender: its descriptors go before packet.fds
//   auto request = decodeRequest(packet);                  // receiver, for either form
#pragma once

#include <vector>

#include "sandbox/wire/codec.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {

// More than any plan whose command the kernel would start.
inline constexpr Bytes kMaxLongMessage = mebibytes(4);

// Fails with kInvalid when the message is longer than kMaxLongMessage.
Result<Packet> packRequest(std::string message);
// Leaves the packet as it is, so that it can be handed on. Fails as decodeRequest does, and with kInvalid for a memfd
// that somebody could still change.
Result<LauncherRequest> decodeRequest(const Packet& packet, KnownTable* known = nullptr);
Result<GuardOrder> decodeGuardOrder(const Packet& packet);
// The descriptors that the request is about.
std::vector<UniqueFd> takeFds(Packet packet);

}  // namespace ringfence::sandbox
