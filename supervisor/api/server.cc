#include "supervisor/api/server.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "supervisor/api/convert.h"
#include "supervisor/api/wire.h"

namespace ringfence::supervisor::api {
namespace {

constexpr int kBacklog = 256;
constexpr int kSoPeerPidfd = 77;  // Linux 6.5; Debian 12's headers do not name it

std::optional<std::uint32_t> groupId(const char* name) {
  const group* found = ::getgrnam(name);
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

Result<std::vector<std::uint32_t>> peerGroups(int socket) {
  std::vector<std::uint32_t> groups(64);
  for (;;) {
    socklen_t size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE) return posixError(errno, "asking for the groups of a peer");
    groups.resize(size / sizeof(gid_t));
  }
}

bool hasExited(int pidfd) {
  pollfd poll{pidfd, POLLIN, 0};
  return ::poll(&poll, 1, 0) != 0;
}

// Where the peer lives. Without SO_PEERPIDFD the pid may have been reused meanwhile; the control socket is not mounted
// inside any run, so this is the second line, not the first.
Result<std::string> peerCgroup(int socket, int pid) {
  if (pid <= 0) return Error{ErrorCode::kDenied, "your process is in another pid namespace and cannot be identified"};
  int raw = -1;
  socklen_t size = sizeof raw;
  UniqueFd pidfd;
  if (::getsockopt(socket, SOL_SOCKET, kSoPeerPidfd, &raw, &size) == 0) pidfd.reset(raw);
  std::string text = RF_TRY(readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/cgroup", kibibytes(64)));
  if (pidfd && hasExited(pidfd.get())) return Error{ErrorCode::kDenied, "the process that connected is gone"};
  return text;
}

void turnAway(int socket, const char* code, const std::string& message) {
  auto encoded = encodePacket(toPacket(0, Refusal{code, message, {}, 1, {}, 0}, true), Format::kProtobuf);
  if (encoded) (void)sendPacket(socket, encoded->bytes, {}, MSG_DONTWAIT);  // Whether or not it is read: it closes.
}

Result<void> removeStale(const sockaddr_un& address) {
  struct stat about {};
  if (::lstat(address.sun_path, &about) < 0)
    return errno == ENOENT ? Result<void>() : posixError(errno, address.sun_path);
  if (!S_ISSOCK(about.st_mode))
    return Error{ErrorCode::kBusy, std::string(address.sun_path) + " exists and is no socket"};
  const UniqueFd probe(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN) {
    return Error{ErrorCode::kBusy, std::string(address.sun_path) + " is served by another daemon"};
  }
  if (::unlink(address.sun_path) < 0) return posixError(errno, std::string("removing ") + address.sun_path);
  return {};
}

}  // namespace

RoleGroups lookUpRoleGroups() { return {groupId("ringfence-admin"), groupId("ringfence")}; }

Peer rolesOf(std::uint32_t uid, const std::vector<std::uint32_t>& groups, const RoleGroups& roles) {
  const auto has = [&](std::optional<std::uint32_t> id) {
    return id.has_value() && std::find(groups.begin(), groups.end(), *id) != groups.end();
  };
  Peer peer;
  peer.uid = uid;
  peer.admin = uid == 0 || has(roles.admin);
  peer.viewer = peer.admin || has(roles.viewer);
  return peer;
}

bool isInsideRun(std::string_view procCgroup, const std::string& root) {
  for (const char* branch : {"-background/r-", "-interactive/r-"}) {
    if (procCgroup.find("/" + root + branch) != std::string_view::npos) return true;
  }
  return false;
}

Result<Server> Server::listen(const std::string& path, RoleGroups roles, std::string cgroupRoot) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{ErrorCode::kInvalid, path + ": too long for a socket; choose a shorter --run-dir"};
  std::memcpy(address.sun_path, path.data(), path.size());
  RF_TRY(removeStale(address));
  UniqueFd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return posixError(errno, "making the control socket");
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return posixError(errno, "binding " + path);
  if (::chmod(path.c_str(), 0666) < 0) return posixError(errno, "opening " + path + " to all users");
  if (::listen(listener.get(), kBacklog) < 0) return posixError(errno, "listening on " + path);
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
  auto cgroup = peerCgroup(socket.get(), credentials.pid);
  if (!cgroup || isInsideRun(*cgroup, cgroupRoot_)) {
    turnAway(socket.get(), "denied",
             cgroup ? "the control socket is not for programs inside a run" : cgroup.error().message);
    return Outcome::kTurnedAway;
  }
  auto groups = peerGroups(socket.get());
  if (!groups) {
    turnAway(socket.get(), "denied", groups.error().message);
    return Outcome::kTurnedAway;
  }
  std::vector<std::uint32_t> all = *groups;
  all.push_back(credentials.gid);
  accepted = {std::move(socket), {rolesOf(credentials.uid, all, roles_), credentials.gid, std::move(*groups)}};
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
