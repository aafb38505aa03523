// The foreground of a run: carries bytes, window size, signals, stop and continue between the person's terminal and the
// run until it ends, the person leaves, or the terminal is lost. Survives a restart of the daemon. One thread, one
// poll.
#pragma once

#include <signal.h>

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sdk/client/client.h"
#include "ui/cli/channel.h"
#include "ui/cli/terminal.h"

namespace ringfence::cli {

enum class LeaveBy { kNothing, kDetachKey };

struct SessionStreams {
  UniqueFd master;  // of the run's terminal: then stdin and stdout are the person's terminal
  LeaveBy leaveBy = LeaveBy::kNothing;
  std::vector<Channel> inputs;                                       // from the person's terminal into pipes
  std::vector<Channel> outputs;                                      // from pipes to the person's terminal
  std::function<void(const client::PendingEvent&)> onQuestion = {};  // also tells a program
  bool asksForEnd = false;  // the connection is another one than the run was started on, and tells no events
};

struct SessionEnd {
  enum class How { kEnded, kLeft, kTerminalLost, kDaemonLost };
  How how = How::kEnded;
  client::ExitStatus exit;
};

// A daemon that restarts is waited for this long.
inline constexpr std::chrono::milliseconds kDaemonPatience{10'000};
// Says that it did not come back, and what to do; yields the status to end with.
int giveUpDaemon(const std::string& run);

// The status to end with: the command's own, 128+N for a signal.
int statusOf(const client::ExitStatus& exit);

class Session {
 public:
  // Blocks the signals that it handles from now on.
  Session(client::Client client, std::string run, SessionStreams streams);
  ~Session();

  // As if this process had received the signal now.
  void pass(int number) { handleSignal(number); }
  SessionEnd follow();

 private:
  using Instant = std::chrono::steady_clock::time_point;

  std::optional<SessionEnd> turn();
  int pollTimeout() const;
  void handleSignal(int number);
  void handleEvents();
  void handleEvent(const client::RunEvent& event);
  void handleQuestion(const client::PendingEvent& event);
  void tell(const std::string& line);
  void announce();
  void suspend();
  void dropStaleStops();
  void sendSignal(int number);
  void loseDaemon();
  void reconnect();
  void lookAfterEnd();
  void takeTerminal();
  void copyWindowSize();
  void drainOutputs();
  Channel::Reading inputReading() const;

  client::Client client_;
  std::string run_;
  SessionStreams streams_;
  bool hasTerminal_;
  bool usesTerminalInput_;
  RawMode raw_;
  UniqueFd signals_;
  std::optional<client::ExitStatus> exit_;
  bool terminalLost_ = false;
  std::optional<Instant> suspendAt_;   // Ctrl-Z was passed on; stop then, answered or not
  std::optional<Instant> giveUpAt_;    // the daemon is away until then at most
  std::set<std::uint64_t> announced_;  // questions that wait and were told of
  std::deque<std::string> announcements_;
  std::optional<Instant> announceBy_;  // then also within a control sequence that does not end
  std::vector<int> undelivered_;       // signals for a daemon that is away
  bool asksForEnd_ = false;            // after a restart nobody tells us of a run without a terminal: ask
};

}  // namespace ringfence::cli
