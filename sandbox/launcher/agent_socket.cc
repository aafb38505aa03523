#include "sandbox/launcher/agent_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ringfence::sandbox {
namespace {

constexpr int kPassRights = 83;  // SO_PASSRIGHTS of Linux 6.16; the headers of older systems have no name for it

}  // namespace

Result<UniqueFd> listenForRun(const std::string& path, const Identity& run) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{ErrorCode::kInvalid, path + ": too long for a socket"};
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return posixError(errno, "making the socket " + path);
  const int off = 0;
  (void)::setsockopt(socket.get(), SOL_SOCKET, kPassRights, &off, sizeof off);  // An older kernel has none.
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return posixError(errno, "binding " + path);
  if (::chmod(path.c_str(), 0600) != 0 || ::lchown(path.c_str(), run.uid, run.gid) != 0)
    return posixError(errno, "giving " + path + " to the run");
  if (::listen(socket.get(), kAgentBacklog) != 0) return posixError(errno, "listening at " + path);
  return socket;
}

}  // namespace ringfence::sandbox
