// While the run is held, and while its calls are deferred; what its connections do meanwhile and otherwise.
#include <algorithm>

#include "sandbox/egress/outer.h"

namespace ringfence::sandbox {

void Outer::obey(const RunHeld& order) {
  if (order.held == hold_.isHeld()) return;
  if (order.held)
    hold();
  else
    letGo();
  pauseOrResume();
}

void Outer::hold() {
  if (auto last = hold_.begin(nowMs())) link_.tell(*last);
  spooled_.peak = spooled_.used;
  for (auto& [id, entry] : lives_) {
    Live& live = *entry;
    live.session.hold();
    live.inHold = live.session.state() == Session::State::kStreaming && live.protocol != Protocol::kPublished;
    if (live.inHold) hold_.opened();
    updateEvents(live);
  }
}

// No deadline of a client ran meanwhile.
void Outer::letGo() {
  for (auto& [id, entry] : lives_)
    if (entry->inHold && entry->session.wasFull()) hold_.full();
  const std::int64_t held = hold_.end(nowMs(), spooled_.peak);
  for (auto& [id, entry] : lives_) {
    Live& live = *entry;
    live.session.letGo();
    if (live.deadlineMs != 0 && live.session.state() != Session::State::kWaiting) live.deadlineMs += held;
    advance(live);
    updateEvents(live);
  }
}

// Whether the deadline of a connection runs: one for the client does not while the run is held.
bool Outer::runs(const Live& live) const { return !hold_.isHeld() || live.session.state() == Session::State::kWaiting; }

// One is over. The room that it leaves in a hold is room for the others.
void Outer::noteEnd(Live& live) {
  live.session.endAnswers();
  if (live.session.state() == Session::State::kOver && live.call.stateAt(nowMs()) == NetworkState::kStreaming)
    activity_.ended(live.call);
  activityMoved_ = true;
}

void Outer::shareRoom() {
  if (!hold_.isHeld()) return;
  for (auto& [id, live] : lives_) updateEvents(*live);
}

// What a turn changed in it: how its connection outwards stands, and whether somebody is asked there.
void Outer::noteProgress(Live& live) {
  if (!hold_.isWatching()) live.inHold = false;
  if (live.inHold && live.session.upstream() != Session::Upstream::kOpen) {
    live.inHold = false;
    if (hold_.isHeld() && live.session.wasFull()) hold_.full();
    if (live.session.upstream() == Session::Upstream::kClosed)
      hold_.closed();
    else
      hold_.broke();
  }
  if (live.protocol == Protocol::kPublished) return;  // There the run is the one that is asked.
  const Session& session = live.session;
  if (live.call.note(session.sentBytes(), session.receivedBytes(), session.waitingForClient(), nowMs()))
    activityMoved_ = true;
}

// To a daemon that does not read, nothing is piled up: it is told how things stand when it does.
void Outer::lookAtActivity(std::int64_t now) {
  const auto due = activityDueAt();
  if (!due || *due > now || link_.wantsToWrite()) return;
  activityMoved_ = false;
  lookedMs_ = now;
  activity_.begin();
  for (const auto& [id, live] : lives_)
    if (live->session.state() == Session::State::kStreaming) activity_.add(live->call, now);
  if (auto told = activity_.finish(now)) link_.tell(*told);
}

// When it may look different: at once when bytes moved, later by time alone. Absent: not before bytes move.
std::optional<std::int64_t> Outer::activityDueAt() const {
  if (activityMoved_) return lookedMs_;
  std::optional<std::int64_t> due = activity_.toldAt();
  for (const auto& [id, live] : lives_) {
    const auto quiet = live->call.quietAt();
    if (quiet && *quiet > lookedMs_) due = std::min(due.value_or(*quiet), *quiet);
  }
  return due;
}

// ---- deferring

void Outer::obey(const DeferCalls& order) {
  if (order.defer) return deferral_.begin(nowMs());
  goOn(deferral_.end());
}

// True: it waits. Each connection waits once.
bool Outer::isDeferred(Live& live) {
  const std::int64_t now = nowMs();
  if (live.hasWaited || !deferral_.isOn(now)) return false;
  live.hasWaited = true;
  live.deadlineMs = 0;  // It goes on by itself.
  goOn(deferral_.add(live.id, now));
  return true;
}

// Judged anew: the rules may have changed meanwhile.
void Outer::goOn(const Deferral::Ids& ids) {
  for (const std::uint64_t id : ids) {
    const auto found = lives_.find(id);
    if (found == lives_.end() || found->second->session.state() != Session::State::kWaiting) continue;
    decide(*found->second);
    updateEvents(*found->second);
  }
}

void Outer::tickHold(std::int64_t now) {
  goOn(deferral_.takeDue(now));
  if (auto report = hold_.take(now)) link_.tell(*report);
  lookAtActivity(now);
}

// The next time that tickHold() has something to do.
std::optional<std::int64_t> Outer::holdDueAt() const {
  const auto activity = link_.wantsToWrite() ? std::nullopt : activityDueAt();
  std::optional<std::int64_t> next;
  for (const auto& due : {deferral_.dueAt(), hold_.reportAt(), activity})
    if (due) next = std::min(next.value_or(*due), *due);
  return next;
}

}  // namespace ringfence::sandbox
