#include "supervisor/api/server.h"

#include <sys/socket.h>

#include <cerrno>

#include "sdk/base/io.h"
#include "supervisor/api/convert.h"
#include "supervisor/api/listener.h"
#include "supervisor/api/wire.h"

namespace ringfence::supervisor::api {
namespace {

void turnAway(int socket, const char* code, const std::string& message) {
  auto encoded = encodePacket(toPacket(0, Refusal{code, message, {}, 1, {}, 0}, true), Format::kProtobuf);
  if (encoded) (void)sendPacket(socket, encoded->bytes, {}, MSG_DONTWAIT);  // Whether or not it is read: it closes.
}

}  // namespace

Result<Server> Server::listen(const std::string& path, RoleGroups roles, std::string cgroupRoot) {
  UniqueFd listener = RF_TRY(listenAt(path, SocketKind::kPackets));
  return Server(std::move(listener), roles, std::move(cgroupRoot));
}

Server::Outcome Server::accept(Accepted& accepted) {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return errno == ECONNABORTED || errno == EINTR ? Outcome::kTurnedAway : Outcome::kNone;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return Outcome::kTurnedAway;
  std::size_t& ofUser = perUser_[credentials.uid];
  // Root is not locked out by others: the total bound leaves it one user's share.
  const std::size_t total = credentials.uid == 0 ? kMaxConnections + kMaxConnectionsPerUser : kMaxConnections;
  if (ofUser >= kMaxConnectionsPerUser || total_ >= total) {
    if (ofUser == 0) perUser_.erase(credentials.uid);
    turnAway(socket.get(), "busy", "too many connections; close some and try again");
    return Outcome::kTurnedAway;
  }
  if (ofUser == 0) perUser_.erase(credentials.uid);
  auto identity = identify(socket.get(), roles_, cgroupRoot_);
  if (!identity) {
    turnAway(socket.get(), "denied", identity.error().message);
    return Outcome::kTurnedAway;
  }
  accepted = {std::move(socket), *std::move(identity)};
  ++perUser_[credentials.uid];
  ++total_;
  return Outcome::kAccepted;
}

void Server::release(std::uint32_t uid) {
  const auto found = perUser_.find(uid);
  if (found == perUser_.end()) return;
  --total_;
  if (--found->second == 0) perUser_.erase(found);
}

}  // namespace ringfence::supervisor::api
