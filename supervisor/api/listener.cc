#include "supervisor/api/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ringfence::supervisor::api {
namespace {

constexpr int kBacklog = 256;

UniqueFd makeSocket(SocketKind kind) {
  const int type = kind == SocketKind::kPackets ? SOCK_SEQPACKET : SOCK_STREAM;
  return UniqueFd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Result<void> removeStale(const sockaddr_un& address, SocketKind kind) {
  struct stat about {};
  if (::lstat(address.sun_path, &about) < 0)
    return errno == ENOENT ? Result<void>() : posixError(errno, address.sun_path);
  if (!S_ISSOCK(about.st_mode))
    return Error{ErrorCode::kBusy, std::string(address.sun_path) + " exists and is no socket"};
  const UniqueFd probe = makeSocket(kind);
  const bool connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (connected || errno == EAGAIN || errno == EPROTOTYPE)
    return Error{ErrorCode::kBusy, std::string(address.sun_path) + " is served by another process"};
  if (::unlink(address.sun_path) < 0) return posixError(errno, std::string("removing ") + address.sun_path);
  return {};
}

}  // namespace

Result<UniqueFd> listenAt(const std::string& path, SocketKind kind) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{ErrorCode::kInvalid, path + ": too long for a socket; choose a shorter --run-dir"};
  std::memcpy(address.sun_path, path.data(), path.size());
  RF_TRY(removeStale(address, kind));
  UniqueFd listener = makeSocket(kind);
  if (!listener) return posixError(errno, "making a socket");
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return posixError(errno, "binding " + path);
  if (::chmod(path.c_str(), 0666) < 0) return posixError(errno, "opening " + path + " to all users");
  if (::listen(listener.get(), kBacklog) < 0) return posixError(errno, "listening on " + path);
  return listener;
}

}  // namespace ringfence::supervisor::api
