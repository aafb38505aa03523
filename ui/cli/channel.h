// One direction of a relay: bytes from a descriptor to another, bounded, driven by poll. Owns both descriptors.
//
//   channel.prepare(polls, Channel::Reading::kYes);
//   poll(…);
//   channel.serve(polls);
#pragma once

#include <poll.h>

#include <optional>
#include <string>
#include <vector>

#include "sdk/base/unique_fd.h"
#include "ui/cli/screen_tracker.h"
#include "ui/cli/terminal.h"

namespace ringfence::cli {

class Channel {
 public:
  enum class Reading { kYes, kPaused };

  Channel(UniqueFd from, UniqueFd to) : from_(std::move(from)), to_(std::move(to)) {}

  void watchDetachKey() { key_.emplace(); }
  // For insert: the receiver is a terminal's screen.
  void trackScreen() { screen_.emplace(); }

  enum class Insert { kBetween, kAnyhow };
  // Puts bytes of ours behind those that came so far. False, and nothing done: the source is within a control sequence
  // (unless kAnyhow), or the receiver is gone.
  bool insert(std::string_view bytes, Insert when);

  // Adds what this channel waits for. Paused: takes nothing from the source, still delivers what it holds.
  void prepare(std::vector<pollfd>& polls, Reading reading);
  // Reads and writes what `polls` says is possible; at most once each.
  void serve(const std::vector<pollfd>& polls);

  bool sourceEnded() const { return sourceEnded_; }
  bool done() const { return !to_ || (sourceEnded_ && pending_.empty()); }
  bool detachKeyPressed() const { return detached_; }

 private:
  void readSome();
  void writeSome();

  UniqueFd from_;
  UniqueFd to_;
  std::string pending_;
  std::optional<DetachKey> key_;
  std::optional<ScreenTracker> screen_;
  std::optional<std::size_t> readPoll_, writePoll_;
  bool sourceEnded_ = false;
  bool detached_ = false;
};

// A descriptor of our own for the same file. For a terminal one that does not block where the system lets us have it,
// without changing the descriptor that the shell shares with us.
UniqueFd ownDescriptor(int fd, int flags);

}  // namespace ringfence::cli
