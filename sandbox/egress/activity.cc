#include "sandbox/egress/activity.h"

#include <algorithm>

namespace ringfence::sandbox {

// Where both directions moved since the last look, the question came first: an answer that was read with it is one.
bool Call::note(std::uint64_t sent, std::uint64_t received, std::uint64_t waiting, std::int64_t nowMs) {
  const bool moved = sent != sent_ || received != received_ || (waiting == 0) != (waiting_ == 0);
  if (sent != sent_) {
    asking_ += sent - sent_;
    answering_ = 0;
    if (asking_ >= kLeastTurnBytes) asked_ = true;
  }
  if (received != received_) {
    answering_ += received - received_;
    const bool goesOn = streams_ && answeredAt_ && nowMs - *answeredAt_ < kAnswerOverMs;
    if (asked_ || goesOn || answering_ >= kLeastTurnBytes) {
      streams_ = true;
      answeredAt_ = nowMs;
    }
    asking_ = 0;
    asked_ = false;
  }
  sent_ = sent;
  received_ = received;
  waiting_ = waiting;
  return moved;
}

NetworkState Call::stateAt(std::int64_t nowMs) const {
  if (waiting_ > 0) return NetworkState::kStreaming;
  if (asked_) return NetworkState::kWaiting;
  return streams_ && nowMs - *answeredAt_ < kAnswerOverMs ? NetworkState::kStreaming : NetworkState::kQuiet;
}

std::optional<std::int64_t> Call::quietAt() const {
  if (waiting_ > 0 || asked_ || !streams_) return std::nullopt;
  return *answeredAt_ + kAnswerOverMs;
}

void RunActivity::add(const Call& call, std::int64_t nowMs) {
  const NetworkState state = call.stateAt(nowMs);
  now_ = std::max(now_, state);
  if (state == NetworkState::kStreaming) answered_ = true;
  if (call.answeredAt()) answeredAt_ = std::max(answeredAt_, *call.answeredAt());
}

void RunActivity::ended(const Call& call) {
  answered_ = true;
  last_ = NetworkState::kStreaming;
  if (call.answeredAt()) answeredAt_ = std::max(answeredAt_, *call.answeredAt());
}

std::optional<NetworkActivity> RunActivity::finish(std::int64_t nowMs) {
  if (now_ == NetworkState::kQuiet && last_ != NetworkState::kQuiet && answered_) {
    ++turns_;
    answered_ = false;
  }
  last_ = now_;
  if (now_ == told_ && turns_ == turnsTold_) return std::nullopt;
  if (toldMs_ && nowMs - *toldMs_ < kActivityEveryMs) return std::nullopt;
  toldMs_ = nowMs;
  told_ = now_;
  turnsTold_ = turns_;
  NetworkActivity told{.state = now_, .turns = turns_};
  if (now_ == NetworkState::kQuiet)
    told.quietForMs = static_cast<std::uint64_t>(std::max<std::int64_t>(0, nowMs - answeredAt_));
  return told;
}

std::optional<std::int64_t> RunActivity::toldAt() const {
  if (last_ == told_ && turns_ == turnsTold_) return std::nullopt;
  return toldMs_ ? *toldMs_ + kActivityEveryMs : 0;
}

}  // namespace ringfence::sandbox
