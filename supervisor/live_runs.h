// The runs that have not ended, for whoever looks at them again and again: it must not pass by a thousand that did.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "supervisor/turns.h"

namespace ringfence::supervisor {

class LiveRuns {
 public:
  explicit LiveRuns(const Turns& turns) : turns_(turns) {}

  // By id. Until the next fact.
  const std::vector<const Run*>& all() const {
    const State& state = turns_.state();
    if (at_ == state.lastSeq) return runs_;
    runs_.clear();
    for (const auto& [id, run] : state.runs) {
      if (isLive(run)) runs_.push_back(&run);
    }
    at_ = state.lastSeq;
    return runs_;
  }

 private:
  const Turns& turns_;
  mutable std::vector<const Run*> runs_;
  mutable std::optional<std::uint64_t> at_;  // the last fact that they are by; absent: they were never gathered
};

}  // namespace ringfence::supervisor
