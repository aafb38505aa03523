// Who is on the other side of a connection, and what that lets them do.
#pragma once

#include <cstdint>

namespace ringfence::supervisor {

// Whether a person is there: what logind knows of the sessions of the one who asks (supervisor/core/login.h).
enum class Login {
  kUnchecked,  // logind does not run, or whoever owns the machine does not want it asked
  kAbsent,
  kPresent,
  kAtSeat,  // as before, and at the screen and keyboard of this machine
};

// Who asks. Taken from the socket at connect, never looked up again, but for the sessions of that uid.
struct Peer {
  std::uint32_t uid = 0;
  bool admin = false;   // root or in ringfence-admin
  bool viewer = false;  // in ringfence
  Login login = Login::kUnchecked;
};

// May see / may act on runs of `ownerUid`.
bool maySee(const Peer& peer, std::uint32_t ownerUid);
bool mayControl(const Peer& peer, std::uint32_t ownerUid);

}  // namespace ringfence::supervisor
