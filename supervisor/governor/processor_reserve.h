// How many processors background agents leave to the person's programs: those of the setting from the first sign that
// one of these works until none has for ten seconds, and none else. Placement alone keeps agents from what the
// scheduler gives out; what it does not (the kernel's own work for them, caches and memory that all share, a host that
// takes a processor away) they then do elsewhere. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sdk/base/clock.h"

namespace ringfence::supervisor::governor {

class ProcessorReserve {
 public:
  struct Change {
    std::uint32_t processors = 0;
    std::string reason;
  };

  // 0: none are ever kept.
  explicit ProcessorReserve(std::uint32_t wanted) : wanted_(wanted) {}

  // `foregroundCpuUsec`: what the person's programs have used, of any beginning; absent: nobody can tell, so that they
  // are taken to work. Returns what is to change: as soon as it is known whether they work also when that is nothing,
  // as nobody knows how an earlier daemon left it. Until then it stays so.
  std::optional<Change> tick(Microseconds now, std::optional<std::uint64_t> foregroundCpuUsec);

 private:
  std::uint32_t wanted_;
  std::optional<std::uint32_t> kept_;
  std::optional<std::uint64_t> usedBefore_;
  Microseconds before_{};
  std::optional<Microseconds> workedAt_;
  bool isKnown_ = false;  // whether they work
};

}  // namespace ringfence::supervisor::governor
