// What calls to models cost by list prices: an estimate, said to be one wherever it is shown. A model that no line
// names costs an unknown amount, never nothing.
//
// A file of prices is TOML: `dated = "2025-11"` and a table [models] of lines
//     "claude-sonnet-4*" = { input = "$3.00", output = "$15.00" }   # for a million tokens
// In a pattern * stands for any text. Of several that match a model, the one with most other characters counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/load.h"
#include "supervisor/core/agent_facts.h"

namespace ringfence::supervisor {

struct ListPrice {
  std::string pattern;
  std::uint64_t inputMicroUsd = 0, outputMicroUsd = 0;  // for a million tokens
};

class PriceTable {
 public:
  // Fails with the first thing that is wrong. `dated` may be absent.
  static std::variant<PriceTable, policy::Diagnostic> parse(const policy::SourceText& source);
  // What `stronger` names counts in place of this.
  void overlay(const PriceTable& stronger);

  // Rounded up to a millionth of a dollar. Absent: no line names the model.
  std::optional<std::uint64_t> costOf(std::string_view model, std::uint64_t inputTokens,
                                      std::uint64_t outputTokens) const;
  // Where it tells no cost: adds an estimate, or counts it as unpriced.
  void estimate(ModelUsage& usage) const;
  bool empty() const { return layers_.empty(); }

 private:
  std::vector<std::vector<ListPrice>> layers_;  // strongest first
};

// The files of prices that are in force. Looked at when a run begins; one that does not load leaves its last good
// version in force.
class PriceFiles {
 public:
  // Weak to strong. Those that do not exist are no error.
  explicit PriceFiles(std::vector<std::string> files) : files_(std::move(files)) {}
  // Reads what has changed. Yields a line for each file that is newly broken.
  std::vector<std::string> look();
  const PriceTable& inForce() const { return inForce_; }

 private:
  struct Known {
    std::string text;
    PriceTable table;
  };
  std::vector<std::string> files_;
  std::vector<std::optional<Known>> known_;
  PriceTable inForce_;
};

// Beside each directory of policies: "/etc/ringfence/policies" -> "/etc/ringfence/prices.toml".
std::vector<std::string> priceFilesBeside(const std::vector<std::string>& policyDirectories);

}  // namespace ringfence::supervisor
