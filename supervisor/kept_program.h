// A program that runs beside the daemon and outlives it, ringfence-launcher or ringfence-stop: reached by its socket,
// and started when nobody answers there, again after growing pauses while that fails. For LauncherLink and StopLink.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {

struct KeptPeer {
  UniqueFd socket;
  std::int32_t pid = 0;
  UniqueFd life;  // a pidfd: readable when it has ended; empty: the kernel did not give one
};

// Whether the process of that pidfd has ended.
bool hasEnded(int pidfd);

class KeptProgram {
 public:
  struct Place {
    std::string name;  // for words
    std::string socketPath;
    std::string program;  // found beside our own binary
    std::vector<std::string> arguments;
  };
  explicit KeptProgram(Place place) : place_(std::move(place)) {}

  // A non-blocking socket to it; kDenied when whoever serves it is not a process of our own user. A child of it that
  // has not become anything else yet has its sockets, also when it is dead: of such a one nobody answers
  // (kUnavailable).
  Result<KeptPeer> connect() const;
  // Boottime. Before it there is nothing to do.
  Microseconds nextTry() const { return nextTry_; }

  // Nobody answers: starts it, or waits for one that was started. Yields why it is not there, told once. Blocks for the
  // moment of starting it.
  std::optional<std::string> start(Microseconds now);
  // Somebody answers. Yields whether that is one that was started here.
  bool answered();
  // It is at work: what was wrong with it is over.
  void settled();
  // Who answered is gone. One that others start again is given a moment to come back before it is started here.
  enum class Keeper { kUs, kOthers };
  void lost(Microseconds now, Keeper keeper = Keeper::kUs);
  // Who answers is of no use to us: looked at again after growing pauses.
  void unfit(Microseconds now);

 private:
  void pause(Microseconds now);

  Place place_;
  Microseconds nextTry_{};
  Microseconds lastStart_{};
  Microseconds othersUntil_{};  // until then it is waited for
  Milliseconds pause_{};
  bool isStarted_ = false;  // and does not answer yet
  UniqueFd life_;           // hangs up when the one that was started is gone
  std::string trouble_;     // told last
};

}  // namespace ringfence::supervisor
