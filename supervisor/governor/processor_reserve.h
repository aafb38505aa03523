// How many processors background agents leave to the person's programs: those of the setting while these work, and none
// else. Placement alone keeps agents from what the scheduler gives out; what it does not (the kernel's own work for
// them, caches and memory that all share, a host that takes a processor away) they then do elsewhere. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/governor/foreground_work.h"

namespace ringfence::supervisor::governor {

class ProcessorReserve {
 public:
  struct Change {
    std::uint32_t processors = 0;
    std::string reason;
  };

  // 0: none are ever kept.
  explicit ProcessorReserve(std::uint32_t wanted) : wanted_(wanted) {}

  // Returns what is to change: as soon as it is known whether they work also when that is nothing, as nobody knows how
  // an earlier daemon left it. Until then it stays so.
  std::optional<Change> tick(const ForegroundWork& work);

 private:
  std::uint32_t wanted_;
  std::optional<std::uint32_t> kept_;
};

}  // namespace ringfence::supervisor::governor
