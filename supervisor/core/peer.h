// Who is on the other side of a connection, and what that lets them do.
#pragma once

#include <cstdint>

namespace ringfence::supervisor {

// Who asks. Taken from the socket at connect, never looked up again.
struct Peer {
  std::uint32_t uid = 0;
  bool admin = false;   // root or in ringfence-admin
  bool viewer = false;  // in ringfence
};

// May see / may act on runs of `ownerUid`.
bool maySee(const Peer& peer, std::uint32_t ownerUid);
bool mayControl(const Peer& peer, std::uint32_t ownerUid);

}  // namespace ringfence::supervisor
