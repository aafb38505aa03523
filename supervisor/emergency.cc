#include "supervisor/emergency.h"

#include <algorithm>

#include "supervisor/core/latch.h"

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kRetry{1000};
// Two stops of an administrator within three seconds are a kill, and the daemon is one: it waits until its own cannot
// be the second.
constexpr Milliseconds kApart{4000};

std::string wordsOf(const EmergencyStopped& stop) {
  const auto count = [](const std::optional<std::uint64_t>& number) {
    return number ? std::to_string(*number) : std::string("an unknown number of");
  };
  const bool isAll = stop.killed.value_or(false);
  return std::string("emergency stop: ") + stop.trigger + "; " + count(stop.runs) + " runs with " +
         count(stop.processes) + " processes " + (isAll ? "killed" : "held") +
         (!isAll && stop.killedOf ? ", " + count(stop.killedRuns) + " of these runs killed by their owners" : "") +
         (stop.note ? " (" + *stop.note + ")" : "");
}

bool isKill(const EmergencyStopped& stop) { return stop.killed.value_or(false) || stop.killedOf; }

// Whether somebody killed while nobody here heard of it.
bool killsMore(const EmergencyStopped& found, const EmergencyStopped& known) {
  if (known.killed.value_or(false)) return false;
  const auto isNew = [&](std::uint32_t owner) { return !isKilledBy(known, owner); };
  return found.killed.value_or(false) || (found.killedOf && std::ranges::any_of(*found.killedOf, isNew));
}

}  // namespace

void Emergency::begin() {
  if (!world_.program) return;
  awaySince_ = world_.clock.now().boottime;
  auto found = world_.program->readLatch();
  const auto& latch = world_.turns.state().latch;
  if (found && (!latch || latch->rearmedBy || killsMore(*found, latch->stop))) {
    found->note = "found at the start";
    record(*std::move(found));
  } else if (!found && latch && latch->rearmedBy) {
    open();  // It was released, and the record of that was lost.
  }
}

void Emergency::hear(const StopNews& news) {
  std::visit([this](const auto& one) { on(one); }, news);
}

void Emergency::on(const StopUp& news) {
  if (!there_ && awaySince_ && world_.clock.now().boottime - *awaySince_ >= kStopProgramPatience)
    world_.say("ringfence-stop is there again");
  there_ = true;
  awaySince_.reset();
  last_ = news;
  const auto& latch = world_.turns.state().latch;
  const bool isOpening = latch && latch->rearmedBy.has_value();
  if (news.latched) {
    EmergencyStopped stop = world_.program->readLatch().value_or(EmergencyStopped{.trigger = news.trigger});
    if (latch && !isOpening && !killsMore(stop, latch->stop)) return;
    stop.note = "heard of when ringfence-stop was met";
    return record(std::move(stop));
  }
  if (!latch) return;
  if (isOpening) return open();
  close("the log says that it is latched");
}

void Emergency::on(const StopKilling& news) {
  auto outcome = world_.turns.submit(news.kills);
  world_.report(outcome ? outcome->failures : std::vector<Error>{outcome.error()});
}

void Emergency::on(const StopDown& news) {
  if (there_ || news.reason != why_)
    world_.say("ringfence-stop is away: " + news.reason + "; without it nobody can stop everything");
  if (there_) awaySince_ = world_.clock.now().boottime;
  there_ = false;
  why_ = news.reason;
  const auto& latch = world_.turns.state().latch;
  if (latch && latch->rearmedBy)
    world_.rearmFailed(
        {ErrorCode::kUnavailable, "ringfence-stop is away: " + news.reason +
                                      "; whether it had opened its latch is known when it is back; no run goes on by "
                                      "itself either way; try again in a moment"});
}

void Emergency::on(const StopReleased&) {
  const auto& latch = world_.turns.state().latch;
  if (latch && latch->rearmedBy) return open();
  // Somebody stopped while it was on its way. Every run is held by itself meanwhile.
  if (latch) close("a stop came while it was being re-armed");
}

void Emergency::on(const StopRefused& news) {
  world_.say("ringfence-stop did not open its latch: " + news.why);
  world_.rearmFailed({ErrorCode::kUnavailable, "ringfence-stop did not open its latch: " + news.why});
}

void Emergency::release() {
  if (!world_.program)
    return world_.rearmFailed({ErrorCode::kUnavailable, "this daemon has no ringfence-stop, which has the latch"});
  if (auto asked = world_.program->release(); !asked) {
    world_.rearmFailed({ErrorCode::kUnavailable,
                        asked.error().message + "; the emergency stop stays latched; try again when it is there"});
  }
}

// Also while the log cannot be written: what is to be done at once is done, and what is to be remembered is tried
// again.
void Emergency::record(EmergencyStopped stop) {
  const bool wasLatched = isLatched();
  closeAt_.reset();
  if (!wasLatched || isKill(stop)) world_.say(wordsOf(stop));
  auto outcome = world_.turns.submit(StopHeard{stop});
  if (outcome) {
    unrecorded_.reset();
    nextTry_.reset();
    world_.report(outcome->failures);
  } else {
    if (!unrecorded_) world_.report({outcome.error()});
    unrecorded_ = std::move(stop);
    nextTry_ = world_.clock.now().boottime + kRetry;
  }
  if (!wasLatched) world_.latched();
}

void Emergency::open() {
  auto outcome = world_.turns.submit(LatchOpened{});
  if (!outcome) return world_.rearmFailed(outcome.error());  // As it was: it is asked for again.
  world_.say("the emergency stop is re-armed; what it held stays held until it is resumed");
  world_.opened();
}

void Emergency::close(const char* why) {
  closeAt_ = world_.clock.now().boottime + kApart;
  closeWhy_ = why;
}

void Emergency::wake() {
  const Microseconds now = world_.clock.now().boottime;
  if (unrecorded_ && nextTry_ && now >= *nextTry_) record(EmergencyStopped(*unrecorded_));
  if (!closeAt_ || now < *closeAt_) return;
  closeAt_.reset();
  const auto& latch = world_.turns.state().latch;
  if (!latch || latch->rearmedBy || !there_) return;  // One that comes again is asked again.
  if (auto asked = world_.program->stop(closeWhy_); !asked) closeAt_ = now + kRetry;
}

std::optional<Microseconds> Emergency::nextWake() const {
  std::optional<Microseconds> next = nextTry_;
  if (closeAt_) next = std::min(next.value_or(Microseconds::max()), *closeAt_);
  return next;
}

Emergency::Presence Emergency::presence() const {
  Presence presence{world_.program.has_value(), there_,         {},
                    there_ ? "" : why_,         last_.realtime, there_ ? last_.keys : ""};
  if (there_ || !awaySince_) return presence;
  const Microseconds away = world_.clock.now().boottime - *awaySince_;
  if (away >= kStopProgramPatience) presence.awayFor = away;
  return presence;
}

}  // namespace ringfence::supervisor
