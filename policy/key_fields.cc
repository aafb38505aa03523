#include "policy/key_fields.h"

#include <string>
#include <unordered_set>

namespace ringfence::policy {
namespace {

// All of a rule but where it stands. No part of one can hold a NUL byte.
std::string identityOf(const HostRule& rule) {
  return rule.host + '\0' + rule.cidr + '\0' + (rule.port ? std::to_string(*rule.port) : "") + '\0' + rule.why;
}
std::string identityOf(const ExecRule& rule) {
  std::string identity = std::to_string(static_cast<int>(rule.decide)) + rule.why;
  for (const std::string& word : rule.match) identity += '\0' + word;
  return identity;
}

template <typename Rule>
void appendNew(std::vector<Rule>& rules, const std::vector<Rule>& added) {
  std::unordered_set<std::string> known;
  for (const Rule& rule : rules) known.insert(identityOf(rule));
  for (const Rule& rule : added) {
    if (known.insert(identityOf(rule)).second) rules.push_back(rule);
  }
}

// Plain lists of names keep the origin of each entry in Document::origins, as "KEY.ENTRY".
void applyNames(Document& document, std::vector<std::string>& names, const std::string& key, const Decoded& value) {
  std::unordered_set<std::string> known(names.begin(), names.end());
  for (const TextItem& item : std::get<std::vector<TextItem>>(value)) {
    if (!known.insert(item.text).second) continue;
    names.push_back(item.text);
    document.origins[key + "." + item.text] = item.place.origin;
  }
}
Decoded readNames(const Document& document, const std::vector<std::string>& names, const std::string& key) {
  std::vector<TextItem> items;
  for (const std::string& name : names) {
    const auto origin = document.origins.find(key + "." + name);
    items.push_back({.text = name, .place = {.origin = origin == document.origins.end() ? Origin{} : origin->second}});
  }
  return items;
}

}  // namespace

void addPaths(std::vector<PathRule>& rules, const Decoded& value) {
  std::unordered_set<std::string> known;
  for (const PathRule& rule : rules) known.insert(rule.pattern);
  for (const TextItem& item : std::get<std::vector<TextItem>>(value)) {
    if (known.insert(item.text).second) rules.push_back({.pattern = item.text, .origin = item.place.origin});
  }
}
Decoded pathsOf(const std::vector<PathRule>& rules) {
  std::vector<TextItem> items;
  for (const PathRule& rule : rules) items.push_back({.text = rule.pattern, .place = {.origin = rule.origin}});
  return items;
}

void addHosts(std::vector<HostRule>& rules, const Decoded& value) {
  appendNew(rules, std::get<std::vector<HostRule>>(value));
}

void applyExec(Document& document, const Decoded& value) {
  appendNew(document.exec, std::get<std::vector<ExecRule>>(value));
}
Decoded readExec(const Document& document) { return document.exec; }

void applyGroups(Document& document, const Decoded& value) {
  applyNames(document, document.groups, "identity.groups", value);
}
Decoded readGroups(const Document& document) { return readNames(document, document.groups, "identity.groups"); }

void applyPass(Document& document, const Decoded& value) {
  applyNames(document, document.environment.pass, "environment.pass", value);
}
Decoded readPass(const Document& document) {
  return readNames(document, document.environment.pass, "environment.pass");
}

void applySet(Document& document, const Decoded& value) {
  for (const Assignment& assignment : std::get<std::vector<Assignment>>(value)) {
    document.environment.set[assignment.name] = assignment.value;
    document.origins["environment.set." + assignment.name] = assignment.place.origin;
  }
}
Decoded readSet(const Document& document) {
  std::vector<Assignment> assignments;
  for (const auto& [name, text] : document.environment.set) {
    const auto origin = document.origins.find("environment.set." + name);
    assignments.push_back({.name = name,
                           .value = text,
                           .place = {.origin = origin == document.origins.end() ? Origin{} : origin->second}});
  }
  return assignments;
}

void applyCpu(Document& document, const Decoded& value) {
  document.limits.cpu = CpuPercent{static_cast<std::uint32_t>(std::get<std::uint64_t>(value))};
}
Decoded readCpu(const Document& document) {
  if (!document.limits.cpu) return {};
  return static_cast<std::uint64_t>(document.limits.cpu->percent);
}
void applyMemory(Document& document, const Decoded& value) {
  document.limits.memory = Bytes{std::get<std::uint64_t>(value)};
}
Decoded readMemory(const Document& document) {
  if (!document.limits.memory) return {};
  return document.limits.memory->count;
}
void applyPids(Document& document, const Decoded& value) {
  document.limits.pids = static_cast<std::uint32_t>(std::get<std::uint64_t>(value));
}
Decoded readPids(const Document& document) {
  if (!document.limits.pids) return {};
  return static_cast<std::uint64_t>(*document.limits.pids);
}

}  // namespace ringfence::policy
