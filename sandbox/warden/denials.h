// What was denied is counted, so that a program that tries again and again is one record a second.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/wire/guard.h"
#include "sdk/base/clock.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxCountedDenials = 256;  // different ones within a second
inline constexpr Milliseconds kDenialPeriod{1000};

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
