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
  identity += '\0';
  for (const std::string& word : rule.rewrite) identity += '\0' + word;
  return identity;
}
std::string identityOf(const ToolRule& rule) {
  std::string identity = std::to_string(static_cast<int>(rule.decide)) + rule.why;
  for (const std::string& name : rule.match) identity += '\0' + name;
  return identity;
}
std::string identityOf(const PathRewrite& rule) {
  return rule.pattern + '\0' + rule.to + '\0' + (rule.content ? "=" + *rule.content : "") + '\0' + rule.why;
}
std::string identityOf(const HostRewrite& rule) {
  return rule.host + '\0' + (rule.port ? std::to_string(*rule.port) : "") + '\0' + rule.to + '\0' + rule.why;
}
std::string identityOf(const Credential& rule) {
  return rule.host + '\0' + std::to_string(rule.port) + '\0' + rule.header + '\0' + rule.prefix + '\0' +
         rule.fromVariable + '\0' + rule.baseVariable;
}
std::string identityOf(const Grant& grant) {
  std::string identity =
      std::to_string(static_cast<int>(grant.operation)) + grant.target + '\0' + grant.until + '\0' + grant.why;
  for (const std::string& word : grant.argv) identity += '\0' + word;
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

// Ports keep theirs as "KEY.PORT".
void applyPorts(Document& document, std::vector<std::uint16_t>& ports, const std::string& key, const Decoded& value) {
  std::vector<std::string> texts;
  for (const std::uint16_t port : ports) texts.push_back(std::to_string(port));
  applyNames(document, texts, key, value);
  for (std::size_t i = ports.size(); i < texts.size(); ++i)
    ports.push_back(static_cast<std::uint16_t>(std::stoul(texts[i])));
}
Decoded readPorts(const Document& document, const std::vector<std::uint16_t>& ports, const std::string& key) {
  std::vector<std::string> texts;
  for (const std::uint16_t port : ports) texts.push_back(std::to_string(port));
  return readNames(document, texts, key);
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

void applyPathRewrites(Document& document, const Decoded& value) {
  appendNew(document.files.rewrite, std::get<std::vector<PathRewrite>>(value));
}
Decoded readPathRewrites(const Document& document) { return document.files.rewrite; }
void applyHostRewrites(Document& document, const Decoded& value) {
  appendNew(document.network.rewrite, std::get<std::vector<HostRewrite>>(value));
}
Decoded readHostRewrites(const Document& document) { return document.network.rewrite; }
void applyCredentials(Document& document, const Decoded& value) {
  appendNew(document.network.credentials, std::get<std::vector<Credential>>(value));
}
Decoded readCredentials(const Document& document) { return document.network.credentials; }
void applyGrants(Document& document, const Decoded& value) {
  appendNew(document.grants, std::get<std::vector<Grant>>(value));
}
Decoded readGrants(const Document& document) {
  std::vector<Grant> written = document.grants;
  std::erase_if(written, [](const Grant& grant) { return grant.id != 0; });
  return written;
}
void applyAuditRead(Document& document, const Decoded& value) { addPaths(document.auditRead, value); }
Decoded readAuditRead(const Document& document) { return pathsOf(document.auditRead); }

void applyLoopback(Document& document, const Decoded& value) {
  applyPorts(document, document.network.loopback, "network.loopback", value);
}
Decoded readLoopback(const Document& document) {
  return readPorts(document, document.network.loopback, "network.loopback");
}
void applyPublish(Document& document, const Decoded& value) {
  applyPorts(document, document.network.publish, "network.publish", value);
}
Decoded readPublish(const Document& document) {
  return readPorts(document, document.network.publish, "network.publish");
}
void applySendLimit(Document& document, const Decoded& value) {
  document.network.sendLimit = Bytes{std::get<std::uint64_t>(value)};
}
Decoded readSendLimit(const Document& document) {
  if (!document.network.sendLimit) return {};
  return document.network.sendLimit->count;
}
void applyTimeout(Document& document, const Decoded& value) {
  document.prompt.timeout = std::chrono::seconds(std::get<std::uint64_t>(value));
}
Decoded readTimeout(const Document& document) { return static_cast<std::uint64_t>(document.prompt.timeout.count()); }
void applyPerMinute(Document& document, const Decoded& value) {
  document.prompt.perMinute = static_cast<std::uint32_t>(std::get<std::uint64_t>(value));
}
Decoded readPerMinute(const Document& document) { return static_cast<std::uint64_t>(document.prompt.perMinute); }

void applyExec(Document& document, const Decoded& value) {
  appendNew(document.exec, std::get<std::vector<ExecRule>>(value));
}
Decoded readExec(const Document& document) { return document.exec; }

void applyTools(Document& document, const Decoded& value) {
  appendNew(document.tools.rules, std::get<std::vector<ToolRule>>(value));
}
Decoded readTools(const Document& document) { return document.tools.rules; }

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
void applyNpu(Document& document, const Decoded& value) {
  document.limits.npu = CpuPercent{static_cast<std::uint32_t>(std::get<std::uint64_t>(value))};
}
Decoded readNpu(const Document& document) {
  if (!document.limits.npu) return {};
  return static_cast<std::uint64_t>(document.limits.npu->percent);
}
void applyGpu(Document& document, const Decoded& value) {
  document.limits.gpu = CpuPercent{static_cast<std::uint32_t>(std::get<std::uint64_t>(value))};
}
Decoded readGpu(const Document& document) {
  if (!document.limits.gpu) return {};
  return static_cast<std::uint64_t>(document.limits.gpu->percent);
}
void applyIoWrite(Document& document, const Decoded& value) {
  document.limits.ioWrite = Bytes{std::get<std::uint64_t>(value)};
}
Decoded readIoWrite(const Document& document) {
  if (!document.limits.ioWrite) return {};
  return document.limits.ioWrite->count;
}
void applyPreemptGrace(Document& document, const Decoded& value) {
  document.preemptGrace = std::chrono::seconds(std::get<std::uint64_t>(value));
}
Decoded readPreemptGrace(const Document& document) {
  if (!document.preemptGrace) return {};
  return static_cast<std::uint64_t>(document.preemptGrace->count());
}

}  // namespace ringfence::policy
