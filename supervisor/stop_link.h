// The connection to ringfence-stop: starts it when nobody answers on its socket, hears of every stop, whoever made it,
// sends it the beats of this daemon, and asks it to open its latch. It runs without us; we do not count on it. Blocks
// never, except for the moment of starting it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/core/stop_commands.h"
#include "supervisor/core/stop_facts.h"
#include "supervisor/kept_program.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxStopPacket = 64 * 1024;

// It is there, and says how it is.
struct StopUp {
  bool latched = false;
  std::string trigger;
  std::optional<bool> realtime;
  bool kept = false;  // a service manager starts it again when it ends
  std::string keys;   // its JSON about the keys that it watches, "null" where it watches none; empty: it says nothing
  // What it stops, and where its latch is. Empty: it says nothing.
  std::string cgroupRoot = {}, stateDir = {};
};
// What its keys are has changed.
struct StopKeys {
  std::string keys;  // as in StopUp
};
struct StopDown {
  std::string reason;
};
struct StopTold {
  EmergencyStopped stop;
};
// Runs are about to be ended; that everything is stopped is told when it was read back.
struct StopKilling {
  StopKills kills;
};
struct StopReleased {};
// It did not open its latch.
struct StopRefused {
  std::string why;
};
using StopNews = std::variant<StopUp, StopKeys, StopDown, StopTold, StopKilling, StopReleased, StopRefused>;

// What one packet says. Nothing: an answer that nobody waits for. Fails with kInvalid. Pure.
Result<std::optional<StopNews>> decodeStopPacket(std::string_view packet);

class StopLink {
 public:
  // What this daemon's runs are in, and where it looks for the latch. One that stops something else is none.
  struct Needs {
    std::string cgroupRoot, stateDir;
  };
  // Without a beat for `deadManAfter` it stops everything; zero: never.
  StopLink(KeptProgram::Place place, Needs needs, std::chrono::seconds deadManAfter, const Clock& clock)
      : program_(std::move(place)), needs_(std::move(needs)), deadManAfter_(deadManAfter), clock_(clock) {}

  int fd() const { return socket_.get(); }      // -1: not connected
  std::optional<Microseconds> nextTry() const;  // boottime: when advance() has something to do

  std::vector<StopNews> advance();    // connects, starts the program
  std::vector<StopNews> receive();    // when fd() is readable
  void beat() { (void)say("beat"); }  // What cannot be sent shows when it is read.
  // Fails when it is not there. What becomes of it comes as news.
  Result<void> release();
  Result<void> stop(const std::string& words);
  // A clean end: from now on it waits for no beat. Ends it as well when this daemon had started it and `and` says so.
  enum class And { kNothing, kEndIt };
  void leave(And what);

 private:
  Result<void> connect();
  Result<void> say(const std::string& request);
  void down(std::string reason, std::vector<StopNews>& news);

  KeptProgram program_;
  Needs needs_;
  std::chrono::seconds deadManAfter_;
  const Clock& clock_;
  UniqueFd socket_;
  std::int32_t pid_ = 0;
  KeptProgram::Keeper keeper_ = KeptProgram::Keeper::kUs;  // of the one that answered last
  bool startedHere_ = false;                               // the one that runs was started by this daemon
  std::optional<Microseconds> releaseBy_;
  bool left_ = false;
};

}  // namespace ringfence::supervisor
