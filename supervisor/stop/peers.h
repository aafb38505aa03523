// Who is connected to RUN_DIR/stop.sock: a bounded table, and nothing that is ever waited for. No heap after its
// making.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor::stop {

inline constexpr std::size_t kMaxStopConnections = 64;

struct StopPeer {
  UniqueFd socket;
  std::uint32_t uid = 0;
  int pid = 0;            // when it connected; 0: of somewhere that is not seen from here
  bool isAdmin = false;   // root, or in ringfence-admin
  bool isDaemon = false;  // said so, as root
  bool waits = false;     // for the stop that is being read back
  // A kill that it asked for, and that is not for all: of its own runs, or of none.
  enum class Kill { kNotAsked, kOwn, kNoRoom, kFromInside } kill = Kill::kNotAsked;
  std::uint64_t lastHeard = 0;  // in the order of all packets
};

// Whether that process is in one of the groups that are stopped; also where that cannot be seen. Our socket is in no
// run, and what is in one is frozen when this is asked: the second line, not the first. Takes a lock of the kernel's
// groups, so never before a freeze.
bool isMaybeInside(int pid, std::string_view cgroupRoot);

// The id of a group in the text of /etc/group. Nobody else is asked: a name service may never answer. Pure.
std::optional<std::uint32_t> groupIn(std::string_view groupFile, std::string_view name);
// That of ringfence-admin, now.
std::optional<std::uint32_t> lookUpAdminGroup();

class StopPeers {
 public:
  // Who connected. In a full table the one that was silent for longest goes, of those that wait for nothing, the daemon
  // never; nullptr where there is none: the new one was closed.
  StopPeer* accept(UniqueFd socket, std::optional<std::uint32_t> adminGroup);
  void heard(StopPeer& peer) { peer.lastHeard = ++order_; }
  static void close(StopPeer& peer) { peer = StopPeer(); }
  // Does not block. Who does not read is closed.
  static void send(StopPeer& peer, std::string_view packet);

  auto begin() { return peers_.begin(); }
  auto end() { return peers_.end(); }
  StopPeer* daemon();
  bool hasDaemon() const;

 private:
  StopPeer* placeForOne();

  std::array<StopPeer, kMaxStopConnections> peers_;
  std::uint64_t order_ = 0;
};

}  // namespace ringfence::supervisor::stop
