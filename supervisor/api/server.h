// The listening control socket: who may connect, and who they are.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/api/peer_identity.h"

namespace ringfence::supervisor::api {

inline constexpr std::size_t kMaxConnections = 1024;
inline constexpr std::size_t kMaxConnectionsPerUser = 256;
inline constexpr std::size_t kMaxAcceptsPerTurn = 64;

class Server {
 public:
  // Binds `path` with mode 0666 (every user may ask; roles decide), replacing a socket that nobody serves.
  static Result<Server> listen(const std::string& path, RoleGroups roles, std::string cgroupRoot);

  int fd() const { return listener_.get(); }
  // For connections from now on.
  void setRoles(RoleGroups roles) { roles_ = roles; }

  struct Accepted {
    UniqueFd socket;
    PeerIdentity identity;
  };
  // The next connection that may stay; nullopt when none waits. A connection that may not (bounds, from inside a run,
  // not identifiable) has been told why and closed: call again, at most kMaxAcceptsPerTurn times a turn.
  enum class Outcome { kNone, kTurnedAway, kAccepted };
  Outcome accept(Accepted& accepted);
  // A connection of that uid is gone.
  void release(std::uint32_t uid);

 private:
  Server(UniqueFd listener, RoleGroups roles, std::string cgroupRoot)
      : listener_(std::move(listener)), roles_(roles), cgroupRoot_(std::move(cgroupRoot)) {}

  UniqueFd listener_;
  RoleGroups roles_;
  std::string cgroupRoot_;
  std::map<std::uint32_t, std::size_t> perUser_;
  std::size_t total_ = 0;
};

}  // namespace ringfence::supervisor::api
