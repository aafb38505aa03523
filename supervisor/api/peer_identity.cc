#include "supervisor/api/peer_identity.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-login.h>

#include <algorithm>
#include <cerrno>

#include "sdk/base/group_names.h"
#include "sdk/base/io.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor::api {
namespace {

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

struct PeerPlace {
  std::string cgroup;
  std::optional<std::uint32_t> sessionOwner;
};

std::optional<std::uint32_t> sessionOwnerOf(const ucred& credentials) {
  uid_t owner = 0;
  if (credentials.uid == 0 || ::sd_pid_get_owner_uid(credentials.pid, &owner) < 0) return std::nullopt;
  return owner;
}

// Where the peer lives. Without SO_PEERPIDFD (Linux 6.5) the pid may have been reused meanwhile; our sockets are not
// mounted inside any run, so this is the second line, not the first.
Result<PeerPlace> peerPlace(int socket, const ucred& credentials) {
  const int pid = credentials.pid;
  if (pid <= 0) return Error{ErrorCode::kDenied, "your process is in another pid namespace and cannot be identified"};
  int raw = -1;
  socklen_t size = sizeof raw;
  UniqueFd pidfd;
  if (::getsockopt(socket, SOL_SOCKET, kSoPeerPidfd, &raw, &size) == 0) pidfd.reset(raw);
  std::string text = RF_TRY(readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/cgroup", kibibytes(64)));
  const auto owner = sessionOwnerOf(credentials);
  if (pidfd && hasExited(pidfd.get())) return Error{ErrorCode::kDenied, "the process that connected is gone"};
  return PeerPlace{std::move(text), owner};
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
  for (const char* branch : {kBackgroundBranch, kInteractiveBranch}) {
    if (procCgroup.find("/" + root + branch + "/r-") != std::string_view::npos) return true;
  }
  return false;
}

Result<PeerIdentity> identify(int socket, const RoleGroups& roles, const std::string& cgroupRoot) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
    return posixError(errno, "asking who connected");
  const PeerPlace place = RF_TRY(peerPlace(socket, credentials));
  if (isInsideRun(place.cgroup, cgroupRoot))
    return Error{ErrorCode::kDenied, "this socket is not for programs inside a run"};
  std::vector<std::uint32_t> groups = RF_TRY(peerGroups(socket));
  std::vector<std::uint32_t> all = groups;
  all.push_back(credentials.gid);
  return PeerIdentity{rolesOf(credentials.uid, all, roles), credentials.gid, std::move(groups), place.sessionOwner};
}

}  // namespace ringfence::supervisor::api
