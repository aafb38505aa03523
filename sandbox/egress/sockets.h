// The few kinds of socket that an egress makes; all close-on-exec and non-blocking.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "policy/address.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

enum class Transport { kStream, kDatagram };

// On 127.0.0.1; a stream listens.
Result<UniqueFd> bindLoopback(Transport transport, std::uint16_t port);
// Begins to connect: the socket is writable when it is done, and takeError() says how it went. A datagram socket is
// connected at once.
Result<UniqueFd> beginConnect(Transport transport, const policy::Address& address, std::uint16_t port);
// What a socket that connected has to say: 0 or errno.
int takeError(int socket);
// The other end, "10.77.0.1:43210"; empty when it is gone.
std::string peerText(int socket);
// This end as the other one called it, likewise.
std::string calledText(int socket);
// Whether both ends have one address: whoever is connected to is this machine.
bool isToOwnAddress(int socket);
// The next close sends a reset.
void resetOnClose(int socket);

}  // namespace ringfence::sandbox
