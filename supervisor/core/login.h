// Letting go takes a person: allow, rewrite, resume and rearm come from a login session of the one who asks, where
// logind runs. Pure; supervisor/logind.h looks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "supervisor/core/peer.h"

namespace ringfence::supervisor {

// As logind tells of one.
struct LoginSession {
  std::string kind;   // its class: "user", "greeter", "background", …
  std::string state;  // "opening", "online", "active" or "closing"
  bool onSeat = false, remote = false;
};

struct LoginFindings {
  bool logindRuns = false;
  // Whose sessions and user manager the process was in when it connected; absent: nobody's, as that of a service is.
  std::optional<std::uint32_t> owner;
  std::vector<LoginSession> sessions;  // of the uid that asks, now
};

// From a session of that uid, or from what its user manager started (most programs of a desktop are in no session), and
// only while that uid has a session of a person that is not ending: a terminal multiplexer outlives the session that it
// was started in, and so does what lingers without anybody there.
Login judgeLogin(std::uint32_t uid, const LoginFindings& findings);

// Fails with kDenied, in words for who asks. Root needs no session: it can do everything to a run without us.
Result<void> requireLogin(const Peer& peer);

}  // namespace ringfence::supervisor
