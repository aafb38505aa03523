// Who is on the other side of a socket. Roles are taken from the kernel at connect and never looked up again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"
#include "supervisor/core/command.h"

namespace ringfence::supervisor::api {

// Ids of the groups ringfence-admin and ringfence; absent where the machine has no such group.
struct RoleGroups {
  std::optional<std::uint32_t> admin, viewer;
};
RoleGroups lookUpRoleGroups();

// From uid and supplementary groups to roles. Pure.
Peer rolesOf(std::uint32_t uid, const std::vector<std::uint32_t>& groups, const RoleGroups& roles);

// True when /proc/PID/cgroup text has a line below one of `root`'s two branches: the peer is inside a run. Pure.
bool isInsideRun(std::string_view procCgroup, const std::string& root);

struct PeerIdentity {
  Peer peer;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  // Whose login sessions or user manager the process is in, as systemd named its group; absent: in nobody's. Root is
  // not asked.
  std::optional<std::uint32_t> sessionOwner = {};
};

// Of whoever connected. Fails with kDenied, in words for the peer, when it is inside a run or cannot be identified.
Result<PeerIdentity> identify(int socket, const RoleGroups& roles, const std::string& cgroupRoot);

}  // namespace ringfence::supervisor::api
