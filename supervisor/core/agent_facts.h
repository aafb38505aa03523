// Facts about what agents tell through their own socket. Part of supervisor/core/fact.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringfence::supervisor {

struct NamedCount {
  std::string name;
  std::uint64_t count = 0;
  bool operator==(const NamedCount&) const = default;
};
// What calls to one model used.
struct ModelUsage {
  std::string model;
  std::uint64_t reports = 0;
  std::uint64_t inputTokens = 0, outputTokens = 0;
  std::optional<std::uint64_t> costMicroUsd;  // absent: not told
  std::vector<NamedCount> counters;
  std::optional<std::uint64_t> estimatedMicroUsd = std::nullopt;  // by list prices, of reports that told no cost
  std::optional<std::uint64_t> unpriced = std::nullopt;           // reports whose cost nobody knows; absent: none
  bool operator==(const ModelUsage&) const = default;
};
// Reports that came together; none of these ids was counted before.
struct UsageReported {
  std::vector<std::string> ids;
  std::vector<ModelUsage> models;
  std::optional<std::string> day = std::nullopt;  // of the machine's calendar, "2026-03-31"; absent: not known
  bool operator==(const UsageReported&) const = default;
};
// What answers of models stated that came through the run's egress unencrypted. The agent may report the same calls.
struct UsageSeen {
  std::vector<ModelUsage> models;
  std::optional<std::string> day = std::nullopt;  // as in UsageReported
  bool operator==(const UsageSeen&) const = default;
};
// A person let a run go on at the end of a budget: it may use `more` from there, and the budget ends at `upTo` now.
// In the budget's own unit: tokens, millionths of a dollar, questions, seconds.
struct BudgetExtended {
  std::string limit;  // below "limits.": "tokens_per_day"
  std::uint32_t byUid = 0;
  std::uint64_t more = 0;
  std::uint64_t upTo = 0;
  std::optional<std::string> day = std::nullopt;  // of a budget of a day: which, for all runs under that policy
  bool operator==(const BudgetExtended&) const = default;
};

inline constexpr std::size_t kMaxHookEventBytes = 64;

// How a run is asked to end, as the adapter of its agent says.
struct StopMethod {
  std::uint32_t signal = 0;
  std::uint64_t patienceSec = 0;  // then it is killed
  bool operator==(const StopMethod&) const = default;
};

// A run whose agent calls a program of ours before it uses a tool (its hook), as the adapter says that was chosen for
// it.
struct AdapterTerms {
  std::string name;
  std::vector<std::string> speaks;   // the agent's own events with which its hook is heard; empty: it has no hook
  std::uint64_t silentAfterSec = 0;  // of work without one of them: an alarm; 0: never
  std::optional<StopMethod> stop = std::nullopt;  // absent: as any other run
  bool operator==(const AdapterTerms&) const = default;
};

}  // namespace ringfence::supervisor
