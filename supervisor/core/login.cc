#include "supervisor/core/login.h"

#include <algorithm>

namespace ringfence::supervisor {
namespace {

// Not a display manager, a lock screen, a scheduler of jobs ("background") or a user manager.
bool isOfPerson(const LoginSession& session) {
  const bool isOver = session.state == "closing" || session.state.empty();
  return session.kind.starts_with("user") && !isOver;
}

bool isAtSeat(const LoginSession& session) {
  return isOfPerson(session) && session.onSeat && !session.remote && session.state == "active";
}

}  // namespace

Login judgeLogin(std::uint32_t uid, const LoginFindings& findings) {
  if (!findings.logindRuns) return Login::kUnchecked;
  if (findings.owner != uid || !std::ranges::any_of(findings.sessions, isOfPerson)) return Login::kAbsent;
  return std::ranges::any_of(findings.sessions, isAtSeat) ? Login::kAtSeat : Login::kPresent;
}

Result<void> requireLogin(const Peer& peer) {
  if (peer.uid == 0 || peer.login != Login::kAbsent) return {};
  return Error{ErrorCode::kDenied,
               "you ask from no login session of uid " + std::to_string(peer.uid) +
                   ": allow, rewrite, resume and rearm take one (a desktop, a console or ssh), or root; deny, freeze, "
                   "stop and kill take none",
               0};
}

}  // namespace ringfence::supervisor
