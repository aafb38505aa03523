// What clients ask of the emergency stop, and what it refuses them. The stop itself needs no daemon: see StopLink.
#include <algorithm>

#include "supervisor/core/latch.h"
#include "supervisor/requests.h"

namespace ringfence::supervisor {
namespace {

constexpr std::uint32_t kLatched = 7;

bool isHeldByStop(const Run& run) {
  const auto* frozen = std::get_if<Frozen>(&run.life);
  return frozen != nullptr && frozen->itself == SelfHeld::kEmergencyStop;
}

}  // namespace

// True: it is latched, and the asker is told.
bool Requests::refusedByLatch(Asker asker) {
  if (!world_.emergency.isLatched()) return false;
  const auto& latch = world_.turns.state().latch;
  const Error error = latch ? supervisor::refusedByLatch(*latch)
                            : Error{ErrorCode::kUnavailable, "the emergency stop has just come: nothing starts"};
  api::Refusal refused = api::refusalOf(error);
  refused.exitCode = kLatched;
  refused.token = "latched";
  answer(asker, refused);
  return true;
}

api::StopState Requests::stopState() const {
  api::StopState stop;
  if (const auto& latch = world_.turns.state().latch) {
    stop.latched = true;
    stop.trigger = latch->stop.trigger;
    stop.at = formatRfc3339(latch->at.wall);
  }
  const Emergency::Presence presence = world_.emergency.presence();
  if (presence.awayFor) stop.alarm = "ringfence-stop is away, so nobody can stop everything: " + presence.why;
  return stop;
}

std::vector<std::string> Requests::heldByStop(const Peer& peer) const {
  std::vector<std::string> held;
  for (const auto& [id, run] : world_.turns.state().runs) {
    if (isHeldByStop(run) && maySee(peer, run.what.callerUid)) held.push_back(id.text());
  }
  return held;
}

void Requests::on(Asker asker, const api::Rearm&) {
  if (const auto& failed = world_.turns.storeFailure()) {
    return refuse(asker, {ErrorCode::kUnavailable,
                          "the log cannot be written (" + failed->message + "): it stays latched until it can"});
  }
  rearming_.push_back(asker);  // Before: what fails at once is told to whoever waits.
  auto outcome = submit(RearmStop{personOf(asker)});
  if (outcome) return;
  rearming_.pop_back();
  refuse(asker, outcome.error());
}

void Requests::rearmFailed(const Error& error) {
  for (const Asker& asker : std::exchange(rearming_, {})) {
    if (world_.clients.find(asker.client) != nullptr) refuse(asker, error);
  }
}

// One that somebody has said is over since is not what is told here.
void Requests::onFact(const Fact&, const EmergencyStopped& body) {
  const auto& latch = world_.turns.state().latch;
  if (!latch || latch->rearmedBy) return;
  rearmFailed({ErrorCode::kUnavailable, "everything was stopped again meanwhile (" + body.trigger + ")"});
}

void Requests::onFact(const Fact&, const LatchReleased&) {
  for (const Asker& asker : std::exchange(rearming_, {})) {
    if (world_.clients.find(asker.client) != nullptr) answer(asker, api::Done{heldByStop(peerOf(asker))});
  }
}

}  // namespace ringfence::supervisor
