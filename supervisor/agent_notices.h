// What agents are told unasked about their own runs, where they listen: that a hold comes, that one is over, and that
// something was not done as they wanted it. Nothing here decides anything, and who does not listen is told nothing.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "supervisor/agent_claims.h"
#include "supervisor/api/agent_wire.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// What a fact says of something that the run wanted; nothing: it says nothing of that, or it was done as it was wanted.
// Pure. `asked`: the question that an answer settles.
std::optional<api::AgentOverride> overrideIn(const FactBody& body, const ActionAsked* asked);

class AgentNotices {
 public:
  using Connection = std::uint64_t;
  struct World {
    const Clock& clock;
    AgentClaims& claims;
    std::function<bool(Connection)> isConnected;
    std::function<void(Connection, const api::AgentNotice&)> tell;
  };
  explicit AgentNotices(World world) : world_(std::move(world)) {}

  // The last of a connection counts.
  void listen(const RunId& run, Connection connection, const api::AgentListen& listen);
  // Connections came or went.
  void lookAtConnections();

  // A run of an earlier daemon: how long it has been held.
  void adopt(const Run& run, const State& state);
  // A fact is durable.
  void published(const Fact& fact);
  // It will be held; not by that one after all, which it is told where nobody else will hold it.
  void announce(const RunId& run, Announcer by, Microseconds within, const std::string& why, const std::string& limit);
  void withdraw(const RunId& run, Announcer by, const std::string& relief);
  void close(const RunId& run);

 private:
  struct Listener {
    RunId run;
    api::AgentListen to;
  };
  struct Held {
    Microseconds since{};  // boottime
    std::string why, by;
  };
  void pausing(const Fact& fact, const RunPausing& body);
  void frozen(const Fact& fact, const RunFrozen& body);
  void resumed(const Fact& fact, const RunResumed& body);
  void count(const RunId& run);
  template <typename Wants>
  void tell(const RunId& run, Wants wants, const api::AgentNotice& notice);

  World world_;
  std::map<Connection, Listener> listeners_;  // bounded by the connections that there may be
  std::map<RunId, Held> held_;
  std::map<std::uint64_t, std::pair<RunId, ActionAsked>> asked_;  // open questions
};

}  // namespace ringfence::supervisor
