// Facts about the emergency stop. Part of supervisor/core/fact.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringfence::supervisor {

// ringfence-stop froze the branches of all runs and latched. What it did not tell, or what was found after a restart,
// is absent, never 0.
struct EmergencyStopped {
  std::string trigger;               // who or what stopped, in words
  std::optional<std::uint32_t> uid;  // of who asked; absent: nobody with an id, or not known
  std::optional<std::uint64_t> runs, processes, writeUsec, tookUsec;
  std::optional<bool> verified;  // nothing was finishing when it looked
  std::optional<bool> killed;    // it ended them instead
  // Or those of these users alone, at their own word, and how many that were.
  std::optional<std::vector<std::uint32_t>> killedOf;
  std::optional<std::uint64_t> killedRuns;
  std::optional<std::string> note;  // how it came to be known, where nobody told it: "found at the start"
  bool operator==(const EmergencyStopped&) const = default;
};
// Somebody who may said that there is no emergency any more. It counts when ringfence-stop has released its latch.
struct Rearmed {
  std::uint32_t uid = 0;
  bool operator==(const Rearmed&) const = default;
};
// It has: runs can be started and resumed again. None is by this.
struct LatchReleased {
  bool operator==(const LatchReleased&) const = default;
};

}  // namespace ringfence::supervisor
