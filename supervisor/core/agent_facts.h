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
// What calls to one model used, as the agent says.
struct ModelUsage {
  std::string model;
  std::uint64_t reports = 0;
  std::uint64_t inputTokens = 0, outputTokens = 0;
  std::optional<std::uint64_t> costMicroUsd;  // absent: not told
  std::vector<NamedCount> counters;
  bool operator==(const ModelUsage&) const = default;
};
// Reports that came together; none of these ids was counted before.
struct UsageReported {
  std::vector<std::string> ids;
  std::vector<ModelUsage> models;
  bool operator==(const UsageReported&) const = default;
};

}  // namespace ringfence::supervisor
