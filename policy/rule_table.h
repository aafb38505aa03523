// The fields of one rule's table, each looked up once; what is left over is unknown. For the decoders of lists of
// tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/decode.h"

namespace ringfence::policy {

class RuleTable {
 public:
  // Complains about every key that is not among `names`.
  RuleTable(const Table& table, std::vector<std::string_view> names, Complaints& complaints);

  const Entry* find(std::string_view name) const;
  // The string under `name`; empty when absent. Complains about any other type.
  std::string text(std::string_view name) const;
  // The same, which must be there: complains at `rule` when it is absent or empty.
  std::string needed(std::string_view name, const Value& rule, std::string_view help) const;
  std::string why() const;
  std::optional<std::uint16_t> port() const;
  // The strings of a list, with their marks.
  std::vector<std::pair<std::string, Mark>> texts(std::string_view name) const;
  Complaints& complaints() const { return complaints_; }

 private:
  const Table& table_;
  Complaints& complaints_;
};

// Each element of a list of tables by `decode`, which complains and gives nothing for what is no rule.
template <typename Rule>
std::vector<Rule> decodeEach(const Value& value, std::string_view key, Complaints& complaints,
                             std::optional<Rule> (*decode)(const Value&, Complaints&)) {
  std::vector<Rule> rules;
  const auto* array = std::get_if<Array>(&value.content);
  if (array == nullptr) {
    complaints.add(value.mark, "`" + std::string(key) + "` takes a list of tables, not " + kindName(value));
    return rules;
  }
  for (const Value& element : *array) {
    if (complaints.isFull()) break;
    if (auto rule = decode(element, complaints)) rules.push_back(std::move(*rule));
  }
  return rules;
}

// The table of one rule, or a complaint with `example`.
const Table* ruleOf(const Value& element, std::string_view example, Complaints& complaints);
// The word under `name` among `names`; complains and suggests when it is none of them or absent.
std::optional<std::size_t> choiceOf(const RuleTable& fields, std::string_view name,
                                    const std::vector<std::string_view>& names, const Value& rule);

}  // namespace ringfence::policy
