#include "policy/rule_table.h"

#include <algorithm>

#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxWhy = 500;

std::string listed(const std::vector<std::string_view>& names) {
  std::string all = "one of";
  for (const std::string_view name : names) all += (name == names.front() ? " `" : ", `") + std::string(name) + "`";
  return all;
}

}  // namespace

RuleTable::RuleTable(const Table& table, std::vector<std::string_view> names, Complaints& complaints)
    : table_(table), complaints_(complaints) {
  for (const Entry& entry : table) {
    if (complaints_.isFull()) return;
    if (std::ranges::find(names, entry.key) != names.end()) continue;
    complaints_.add(entry.keyMark, "unknown key " + quoteName(entry.key) + " in a rule", suggest(entry.key, names));
  }
}

const Entry* RuleTable::find(std::string_view name) const {
  const auto found = std::ranges::find(table_, name, &Entry::key);
  return found == table_.end() ? nullptr : &*found;
}

std::string RuleTable::text(std::string_view name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) return {};
  if (const auto* value = std::get_if<std::string>(&entry->value.content)) return *value;
  complaints_.add(entry->value.mark, "`" + std::string(name) + "` takes a string, not " + kindName(entry->value));
  return {};
}

std::string RuleTable::needed(std::string_view name, const Value& rule, std::string_view help) const {
  const Entry* entry = find(name);
  std::string value = text(name);
  if (entry == nullptr)
    complaints_.add(rule.mark, "this rule needs `" + std::string(name) + "`", std::string(help));
  else if (value.empty() && std::holds_alternative<std::string>(entry->value.content))
    complaints_.add(entry->value.mark, "`" + std::string(name) + "` may not be empty", std::string(help));
  return value;
}

std::string RuleTable::why() const { return escapeForDisplay(text("why").substr(0, kMaxWhy)); }

std::optional<std::uint16_t> RuleTable::port() const {
  const Entry* entry = find("port");
  if (entry == nullptr) return std::nullopt;
  const auto* number = std::get_if<std::int64_t>(&entry->value.content);
  if (number != nullptr && *number >= 1 && *number <= 65535) return static_cast<std::uint16_t>(*number);
  complaints_.add(entry->value.mark, "a port is a number from 1 to 65535");
  return std::nullopt;
}

std::vector<std::pair<std::string, Mark>> RuleTable::texts(std::string_view name) const {
  std::vector<std::pair<std::string, Mark>> result;
  const Entry* entry = find(name);
  if (entry == nullptr) return result;
  const auto* array = std::get_if<Array>(&entry->value.content);
  if (array == nullptr) {
    complaints_.add(entry->value.mark,
                    "`" + std::string(name) + "` takes a list of strings, not " + kindName(entry->value));
    return result;
  }
  for (const Value& element : *array) {
    if (complaints_.isFull()) break;
    if (const auto* value = std::get_if<std::string>(&element.content))
      result.emplace_back(*value, element.mark);
    else
      complaints_.add(element.mark, "`" + std::string(name) + "` takes a list of strings, not of " + kindName(element));
  }
  return result;
}

const Table* ruleOf(const Value& element, std::string_view example, Complaints& complaints) {
  if (const auto* table = std::get_if<Table>(&element.content)) return table;
  complaints.add(element.mark, std::string("a rule is a table, not ") + kindName(element), std::string(example));
  return nullptr;
}

std::optional<std::size_t> choiceOf(const RuleTable& fields, std::string_view name,
                                    const std::vector<std::string_view>& names, const Value& rule) {
  const Entry* entry = fields.find(name);
  if (entry == nullptr) {
    fields.complaints().add(rule.mark, "a rule needs `" + std::string(name) + "`", listed(names));
    return std::nullopt;
  }
  const std::string text = fields.text(name);
  const auto found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const std::string what = name == "decide" ? "decision" : "`" + std::string(name) + "`";
  const std::string help = suggest(text, names);
  fields.complaints().add(entry->value.mark, quoteName(text) + " is no " + what, help.empty() ? listed(names) : help);
  return std::nullopt;
}

}  // namespace ringfence::policy
