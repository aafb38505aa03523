#include "supervisor/recording.h"

#include <cerrno>

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kRetryInterval{1000};
constexpr Milliseconds kHope = std::chrono::seconds(30);

std::string needed() { return std::to_string((kReserve.count + kRoomBesideReserve.count) >> 20) + " MiB free"; }

}  // namespace

void Recording::begin() {
  const bool isSpent = world_.reserve != nullptr && !world_.reserve->isWhole();
  if (!world_.turns.state().recordsStopped) return;
  lacksReserve_ = isSpent;
  world_.turns.withhold(Error{ErrorCode::kUnavailable, "it could not be before the restart", 0});
  next_ = world_.clock.now().boottime;
}

void Recording::stop(const Error& why) {
  const bool isFull = why.sysErrno == ENOSPC;
  world_.say("the log cannot be written: " + why.message + "; nothing is started until it can, and agents are held");
  world_.turns.withhold(why);
  world_.submit(RecordsFailed{isFull, why.message});
  brokenSince_.reset();
  if (!isFull && why.code != ErrorCode::kBusy) brokenSince_ = world_.clock.now().boottime;
  if (!isFull || world_.reserve == nullptr || !world_.reserve->isWhole()) return;
  world_.reserve->release();
  lacksReserve_ = true;
  world_.say("the log gets the room that was kept for it; all goes on when there are " + needed());
  world_.store.retry();
}

bool Recording::isHopeless() const {
  return brokenSince_ && !world_.turns.canWrite() && world_.clock.now().boottime - *brokenSince_ >= kHope;
}

void Recording::released(const std::optional<Error>& failed) {
  if (failed) stop(*failed);
  if (!world_.turns.storeFailure()) return;
  if (!next_) next_ = world_.clock.now().boottime + kRetryInterval;
  if (world_.turns.canWrite()) tryToGoOn();
}

void Recording::wake() {
  const Microseconds now = world_.clock.now().boottime;
  if (!next_ || now < *next_) return;
  next_ = now + kRetryInterval;
  if (!world_.turns.canWrite()) return world_.store.retry();
  tryToGoOn();
}

void Recording::tryToGoOn() {
  if (!world_.turns.state().launcherReady) return;  // Which runs there are is known with it.
  const bool isThere = world_.reserve == nullptr || world_.reserve->restore();
  if (lacksReserve_ && !isThere) return;
  lacksReserve_ = false;
  next_.reset();
  world_.turns.withhold(std::nullopt);
  world_.say("the log can be written again");
  world_.submit(RecordsWork{});
}

}  // namespace ringfence::supervisor
