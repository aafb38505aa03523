#include "sdk/client/dial.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace ringfence::client {
namespace {

Result<void> trustPeer(int socket, const std::string& path) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
    return posixError(errno, "asking who serves " + path);
  if (peer.uid == 0 || peer.uid == ::geteuid()) return {};
  return Error{ErrorCode::kDenied, path + " is served by uid " + std::to_string(peer.uid) +
                                       ", which is neither root nor you; not talking to it"};
}

}  // namespace

std::string controlSocketPath() {
  const char* named = ::secure_getenv("RINGFENCE_SOCKET");
  return named != nullptr && *named != '\0' ? named : "/run/ringfence/control.sock";
}

Result<UniqueFd> dial(const std::string& path, timeval patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::kInvalid,
                 "socket path of " + std::to_string(path.size()) + " bytes: it must have 1 to 107"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return posixError(errno, "making a socket");
  // Of connecting too: whoever does not accept is not waited for longer.
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO})
    (void)::setsockopt(socket.get(), SOL_SOCKET, option, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    const int cause = errno;
    Error error = posixError(cause, "connecting to " + path);
    // Whatever the reason, the daemon cannot be reached; only a forbidden directory or socket is another matter.
    if (cause != EACCES && cause != EPERM) error.code = ErrorCode::kUnavailable;
    return error;
  }
  RF_TRY(trustPeer(socket.get(), path));
  return socket;
}

}  // namespace ringfence::client
