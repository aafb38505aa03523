#include "sandbox/warden/denials.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"

namespace ringfence::sandbox {
namespace {

std::string_view operationName(policy::Operation operation) {
  switch (operation) {
    case policy::Operation::kRead: return "read";
    case policy::Operation::kWrite: return "write";
    case policy::Operation::kExec: return "exec";
    case policy::Operation::kConnect: return "connect";
  }
  return "unknown";
}

std::string_view outcomeName(DenialOutcome outcome) {
  switch (outcome) {
    case DenialOutcome::kForbidden: return "forbidden";
    case DenialOutcome::kDenied: return "denied";
    case DenialOutcome::kExpired: return "expired";
    case DenialOutcome::kStopped: return "stopped";
  }
  return "forbidden";
}

}  // namespace

std::string denialLine(const GuardedAction& action, const GuardRule& rule, DenialOutcome outcome,
                       std::string_view say) {
  JsonWriter json;
  json.beginObject().field("op", operationName(action.action.operation));
  json.untrustedField("target", action.action.target);
  json.field("outcome", outcomeName(outcome)).field("rule", std::string_view(rule.text));
  json.key("file_line");
  if (rule.origin.file.empty()) {
    json.null();
  } else {
    json.value(rule.origin.file + ":" + std::to_string(rule.origin.line));
  }
  json.field("say", say.empty() ? std::string_view(rule.why) : say);
  json.key("next").beginArray().value(outcome == DenialOutcome::kExpired ? "ask" : "do not retry").endArray();
  json.endObject();
  return std::move(json).take() + "\n";
}

void tellAgent(int file, std::string_view line) {
  struct stat status {};
  if (::fstat(file, &status) == 0 && static_cast<std::uint64_t>(status.st_size) + line.size() > kMaxDenialsFile.count &&
      ::ftruncate(file, 0) != 0) {
    return;
  }
  (void)writeAll(file, line, "the file of denials");
}

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
