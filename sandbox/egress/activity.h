// What the connections of a run do, by direction and time of their bytes alone: whether somebody is asked, and whether
// an answer comes. Nothing of what they carry is looked at, so an answer that rests for long looks like one that is
// over, and a download like an answer. Pure; times in milliseconds of a clock that only goes on.
#pragma once

#include <cstdint>
#include <optional>

#include "sandbox/wire/guard.h"

namespace ringfence::sandbox {

// An answer that brought nothing for so long is over. A model that writes is never silent for so long; one that thinks
// may be, and then counts as streaming again with its next words.
inline constexpr std::int64_t kAnswerOverMs = 3'000;
// Less than this, in one direction since the last byte of the other, is no question and no answer: an acknowledgement
// or a ping of HTTP/2 in its TLS record is below it, a request with its head above.
inline constexpr std::uint64_t kLeastTurnBytes = 128;
// Between two things told of a run.
inline constexpr std::int64_t kActivityEveryMs = 1'000;

// One connection.
class Call {
 public:
  // All so far, and how much of it still waits for the client. True: something may look different now.
  bool note(std::uint64_t sent, std::uint64_t received, std::uint64_t waiting, std::int64_t nowMs);
  NetworkState stateAt(std::int64_t nowMs) const;
  // When it becomes quiet if nothing more comes; absent: not by time alone.
  std::optional<std::int64_t> quietAt() const;
  // The last byte of an answer; absent: there was none.
  std::optional<std::int64_t> answeredAt() const { return answeredAt_; }

 private:
  std::uint64_t sent_ = 0, received_ = 0, waiting_ = 0;
  std::uint64_t asking_ = 0, answering_ = 0;  // since the last byte of the other direction
  bool asked_ = false, streams_ = false;
  std::optional<std::int64_t> answeredAt_;
};

// All connections of a run together, and what of it is told.
class RunActivity {
 public:
  // Begins a look at all of them.
  void begin() { now_ = NetworkState::kQuiet; }
  void add(const Call& call, std::int64_t nowMs);
  // One that was over between two looks, and brought an answer until then.
  void ended(const Call& call);
  // The end of the look: what is to be told of it now, if anything.
  std::optional<NetworkActivity> finish(std::int64_t nowMs);
  // It is told anew, to another daemon.
  void repeat() { told_.reset(); }
  // When finish() has something to tell that it kept back; absent: it has not.
  std::optional<std::int64_t> toldAt() const;

 private:
  NetworkState now_ = NetworkState::kQuiet, last_ = NetworkState::kQuiet;
  std::optional<NetworkState> told_ = NetworkState::kQuiet;  // absent: whoever was told is gone
  std::uint64_t turns_ = 0, turnsTold_ = 0;
  std::int64_t answeredAt_ = 0;
  bool answered_ = false;  // since it was quiet last
  std::optional<std::int64_t> toldMs_;
};

}  // namespace ringfence::sandbox
