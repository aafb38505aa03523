#include "sandbox/warden/denials.h"

#include <algorithm>

namespace ringfence::sandbox {

DenialCounter::Seen DenialCounter::note(const std::string& key, const GuardedAction& action, const GuardRule& rule,
                                        Microseconds now) {
  const auto found = entries_.find(key);
  if (found != entries_.end() && now - found->second.since < kDenialPeriod) {
    ++found->second.again;
    return Seen::kAgain;
  }
  if (found == entries_.end() && entries_.size() >= kMaxCountedDenials) {
    auto oldest = std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.since; });
    if (oldest->second.again > 0) {
      overflow_.push_back({.kind = RecordKind::kDenied,
                           .action = std::move(oldest->second.action),
                           .rule = std::move(oldest->second.rule),
                           .count = oldest->second.again});
    }
    entries_.erase(oldest);
  }
  Entry& entry = entries_[key];
  if (entry.again > 0) {
    overflow_.push_back(
        {.kind = RecordKind::kDenied, .action = entry.action, .rule = entry.rule, .count = entry.again});
  }
  entry = {.since = now, .again = 0, .action = action, .rule = rule};
  return Seen::kFirst;
}

std::vector<Record> DenialCounter::due(Microseconds now) {
  std::vector<Record> records = std::exchange(overflow_, {});
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (now - entry->second.since < kDenialPeriod) {
      ++entry;
      continue;
    }
    if (entry->second.again > 0) {
      records.push_back({.kind = RecordKind::kDenied,
                         .action = std::move(entry->second.action),
                         .rule = std::move(entry->second.rule),
                         .count = entry->second.again});
    }
    entry = entries_.erase(entry);
  }
  return records;
}

Microseconds DenialCounter::nextDue() const {
  if (!overflow_.empty()) return Microseconds{};
  Microseconds first = Microseconds::max();
  for (const auto& [key, entry] : entries_) first = std::min(first, entry.since + Microseconds(kDenialPeriod));
  return first;
}

}  // namespace ringfence::sandbox
