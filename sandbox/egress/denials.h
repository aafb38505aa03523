// Denials on their way to the log and to the agent's own file: the first of a kind is acknowledged before its effect,
// what repeats is counted and told afterwards, so that an agent that tries a thousand times fills nobody's disk.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sandbox/egress/guard_link.h"
#include "sandbox/wire/denial.h"

namespace ringfence::sandbox {

class Denials {
 public:
  // `file` is borrowed; -1: there is none.
  Denials(GuardLink& link, int file) : link_(link), file_(file) {}

  // The ticket to wait for; nothing: this one is counted.
  std::optional<std::uint64_t> add(const GuardedAction& action, const Denial& denial, std::int64_t nowMs);
  void acknowledged() { open_ = open_ > 0 ? open_ - 1 : 0; }
  void tick(std::int64_t nowMs);
  bool isCounting() const { return !counted_.empty(); }
  void tellAll() { tick(INT64_MAX); }

 private:
  struct Counted {
    Record record;
    std::uint32_t count = 0;
    std::int64_t untilMs = 0;
  };

  GuardLink& link_;
  int file_ = -1;
  std::map<std::string, Counted> counted_;
  std::size_t open_ = 0;
};

}  // namespace ringfence::sandbox
