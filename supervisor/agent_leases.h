// Turns that programs of runs take on accelerators which their runs may use anyway: who has one knows that no other
// program that asked has one on the same device. Held by nothing but words: what a run may open is its policy's, how
// much of it is used the governor's. Kept in memory alone, as it ends with its connection.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/api/agent_server.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxAgentLeases = 16;  // of one run, had and waited for

class AgentLeases {
 public:
  using Asked = api::AgentServer::Asked;
  struct World {
    const Clock& clock;
    std::function<const State&()> state;
    std::function<void(const Asked&, const api::AgentAnswer&)> answer;
    std::function<void(std::uint64_t connection, const api::AgentNotice&)> tell;
    std::function<bool(std::uint64_t connection)> isConnected;
  };
  explicit AgentLeases(World world) : world_(std::move(world)) {}

  // An AgentLease: answered now, or when it is had, or when its time is over. First come, first served; who is frozen
  // is passed over.
  void ask(Asked asked);
  // Of that connection alone; one that is over already is no error.
  void release(std::uint64_t connection, std::uint64_t lease);
  // Connections came or went.
  void lookAtConnections();
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime
  // A fact is durable: who is frozen loses what it has, as others could wait for as long as it stands still.
  void published(const Fact& fact);
  void close(const RunId& run);

  std::size_t held() const { return held_.size(); }

 private:
  struct Turn {
    std::uint64_t lease = 0;
    RunId run;
    std::uint64_t connection = 0;
    std::vector<std::string> devices;
  };
  struct Waiting {
    Asked asked;
    std::vector<std::string> devices;
    std::uint32_t percent = 0;
    Microseconds until{};  // boottime
  };
  bool isFree(const std::vector<std::string>& devices) const;
  bool isRunning(const RunId& run) const;
  void give(const Waiting& to);
  void giveWhatIsFree();
  void lose(const RunId& run, const std::string& why);

  World world_;
  std::vector<Turn> held_;
  std::deque<Waiting> waiting_;
  std::uint64_t next_ = 1;
};

}  // namespace ringfence::supervisor
