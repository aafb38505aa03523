// Performs what freeze_moment.h says: runs that a person is about to freeze are frozen when their moment has come.
#pragma once

#include <functional>
#include <optional>

#include "supervisor/agent_claims.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

class PendingFreezes {
 public:
  struct World {
    const Clock& clock;
    Turns& turns;
    const AgentClaims& agents;
    std::function<void(const std::vector<Error>&)> report;
  };
  explicit PendingFreezes(World world) : world_(std::move(world)) {}

  // At the end of a turn.
  void settle();
  std::optional<Microseconds> nextWake() const;  // boottime

 private:
  World world_;
  std::optional<Microseconds> notBefore_;  // boottime; after one that could not be recorded
};

}  // namespace ringfence::supervisor
