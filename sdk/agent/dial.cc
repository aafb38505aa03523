#include "sdk/agent/dial.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

namespace ringfence::agent {

Result<UniqueFd> dial(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{ErrorCode::kInvalid, path + " is too long for a socket", 0};
  path.copy(address.sun_path, path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return posixError(errno, "connecting to " + path);
  return socket;
}

}  // namespace ringfence::agent
