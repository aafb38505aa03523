// What was denied: told to the agent in a bounded file, a JSON object a line; and counted, so that a program that tries
// again and again is one record a second.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/wire/guard.h"
#include "sdk/base/clock.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

inline constexpr Bytes kMaxDenialsFile = mebibytes(1);  // then it begins anew
inline constexpr std::size_t kMaxCountedDenials = 256;  // different ones within a second
inline constexpr Milliseconds kDenialPeriod{1000};

enum class DenialOutcome { kForbidden, kDenied, kExpired, kStopped };

// As contracts.md has it, with the newline.
std::string denialLine(const GuardedAction& action, const GuardRule& rule, DenialOutcome outcome, std::string_view say);

// Appends to `file`. A line that cannot be written is lost to the agent, which has its errno.
void tellAgent(int file, std::string_view line);

class DenialCounter {
 public:
  enum class Seen { kFirst, kAgain };
  // `key`: operation, path and rule. kAgain: counted, and told later by due().
  Seen note(const std::string& key, const GuardedAction& action, const GuardRule& rule, Microseconds now);
  // Records of those that came again, for which a period is over; nobody waits for them.
  std::vector<Record> due(Microseconds now);
  // When to ask due() next; nothing is counted: Microseconds::max().
  Microseconds nextDue() const;

 private:
  struct Entry {
    Microseconds since{};
    std::uint32_t again = 0;
    GuardedAction action;
    GuardRule rule;
  };
  std::map<std::string, Entry> entries_;
  std::vector<Record> overflow_;
};

}  // namespace ringfence::sandbox
