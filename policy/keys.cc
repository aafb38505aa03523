#include "policy/keys.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>

namespace ringfence::policy {
namespace {

using enum Wiring;

constexpr Choice kModes[] = {{"enforce"}, {"audit", kUnwired}};
constexpr Choice kStrengths[] = {{"required"}, {"best-effort"}, {"off"}};
constexpr Choice kWorkspaces[] = {{"rw"}, {"ro"}, {"overlay", kUnwired}};
constexpr Choice kDecisions[] = {{"allow", kUnwired}, {"ask", kUnwired}, {"forbid"}};
constexpr Choice kIdentities[] = {{"caller"}, {"own"}};
constexpr Choice kPriorities[] = {{"interactive"}, {"background"}, {"idle"}};
constexpr Choice kOnLimits[] = {{"pause", kUnwired}, {"deny", kUnwired}, {"kill", kUnwired}};

// ---- where values live in a Document: one pair of functions for each kind of field

template <auto Part, auto Field>
void applyChoice(Document& document, const Decoded& value) {
  auto& field = (document.*Part).*Field;
  field = static_cast<std::remove_reference_t<decltype(field)>>(std::get<std::uint64_t>(value));
}
template <auto Part, auto Field>
Decoded readChoice(const Document& document) {
  return static_cast<std::uint64_t>((document.*Part).*Field);
}

template <auto Field>
void applyOwnChoice(Document& document, const Decoded& value) {
  auto& field = document.*Field;
  field = static_cast<std::remove_reference_t<decltype(field)>>(std::get<std::uint64_t>(value));
}
template <auto Field>
Decoded readOwnChoice(const Document& document) {
  return static_cast<std::uint64_t>(document.*Field);
}

template <auto Field>
void applyPaths(Document& document, const Decoded& value) {
  std::vector<PathRule>& rules = document.files.*Field;
  std::unordered_set<std::string> known;
  for (const PathRule& rule : rules) known.insert(rule.pattern);
  for (const TextItem& item : std::get<std::vector<TextItem>>(value)) {
    if (known.insert(item.text).second) rules.push_back({.pattern = item.text, .origin = item.place.origin});
  }
}
template <auto Field>
Decoded readPaths(const Document& document) {
  std::vector<TextItem> items;
  for (const PathRule& rule : document.files.*Field)
    items.push_back({.text = rule.pattern, .place = {.origin = rule.origin}});
  return items;
}

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
template <auto Field>
void applyHosts(Document& document, const Decoded& value) {
  appendNew(document.network.*Field, std::get<std::vector<HostRule>>(value));
}
template <auto Field>
Decoded readHosts(const Document& document) {
  return document.network.*Field;
}

void applyExec(Document& document, const Decoded& value) {
  appendNew(document.exec, std::get<std::vector<ExecRule>>(value));
}
Decoded readExec(const Document& document) { return document.exec; }

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

// ---- the table

template <auto Field>
constexpr Key wall(std::string_view name, std::string_view description) {
  return {.name = name,
          .type = KeyType::kChoice,
          .wiring = kWired,
          .tightening = Tightening::kLowerChoice,
          .choices = kStrengths,
          .description = description,
          .apply = applyChoice<&Document::walls, Field>,
          .read = readChoice<&Document::walls, Field>};
}

constexpr Key aboutFile(std::string_view name, KeyType type, Tightening tightening, std::string_view description) {
  return {.name = name,
          .type = type,
          .wiring = kWired,
          .tightening = tightening,
          .choices = {},
          .description = description};
}

constexpr Key later(std::string_view name, std::string_view description, std::span<const Choice> choices = {}) {
  return {.name = name,
          .type = choices.empty() ? KeyType::kText : KeyType::kChoice,
          .wiring = kUnwired,
          .tightening = Tightening::kNothing,
          .choices = choices,
          .description = description};
}

constexpr Key kKeys[] = {
    aboutFile("schema", KeyType::kVersion, Tightening::kHarmless, "Version of the format: 1."),
    aboutFile("name", KeyType::kName, Tightening::kHarmless, "Name of the policy; the name of the file when absent."),
    aboutFile("extends", KeyType::kNames, Tightening::kNothing, "Policies that this one builds on, weak to strong."),
    aboutFile("lock", KeyType::kKeyNames, Tightening::kNothing,
              "Keys that files of users and projects cannot change. Only in the system's policies."),
    {.name = "mode",
     .type = KeyType::kChoice,
     .wiring = kWired,
     .tightening = Tightening::kLowerChoice,
     .choices = kModes,
     .description = "enforce: what the policy forbids does not happen.",
     .apply = applyOwnChoice<&Document::mode>,
     .read = readOwnChoice<&Document::mode>},

    wall<&Walls::mount>("walls.mount", "A root directory of its own, in which only what is granted exists."),
    wall<&Walls::pid>("walls.pid", "Sees and signals only its own processes."),
    wall<&Walls::net>("walls.net", "A network of its own, with nothing but a loopback."),
    wall<&Walls::ipc>("walls.ipc", "System V and POSIX message queues and shared memory of its own."),
    wall<&Walls::uts>("walls.uts", "A host name of its own."),
    wall<&Walls::cgroup>("walls.cgroup", "Sees only its own control group."),
    wall<&Walls::seccomp>("walls.seccomp", "Only system calls from a list; all others do not exist."),
    wall<&Walls::landlock>("walls.landlock", "File rights that the kernel checks a second time."),
    wall<&Walls::privileges>("walls.privileges", "No capabilities, none to gain, never user 0."),
    wall<&Walls::limits>("walls.limits", "The [limits] are enforced by the kernel."),

    {.name = "files.workspace",
     .type = KeyType::kChoice,
     .wiring = kWired,
     .tightening = Tightening::kHigherChoice,
     .choices = kWorkspaces,
     .description = "rw: may change the workspace; ro: may only read it.",
     .apply = applyChoice<&Document::files, &Files::workspace>,
     .read = readChoice<&Document::files, &Files::workspace>},
    {.name = "files.read",
     .type = KeyType::kGrants,
     .wiring = kWired,
     .tightening = Tightening::kKeepEntries,
     .choices = {},
     .description = "Paths that may be read, with everything below them.",
     .apply = applyPaths<&Files::read>,
     .read = readPaths<&Files::read>},
    {.name = "files.write",
     .type = KeyType::kGrants,
     .wiring = kWired,
     .tightening = Tightening::kKeepEntries,
     .choices = {},
     .description = "Paths that may be read and changed, with everything below them.",
     .apply = applyPaths<&Files::write>,
     .read = readPaths<&Files::write>},
    {.name = "files.ask",
     .type = KeyType::kPatterns,
     .wiring = kUnwired,
     .tightening = Tightening::kNothing,
     .choices = {},
     .description = "Paths that may be read, and changed after asking.",
     .apply = applyPaths<&Files::ask>,
     .read = readPaths<&Files::ask>},
    later("files.ask_read", "Paths that are read only after asking."),
    {.name = "files.forbid",
     .type = KeyType::kPatterns,
     .wiring = kWired,
     .tightening = Tightening::kAddEntries,
     .choices = {},
     .description = "Patterns taken out of what is granted: secrets are hidden, settings of tools stay readable.",
     .apply = applyPaths<&Files::forbid>,
     .read = readPaths<&Files::forbid>},

    {.name = "network.default",
     .type = KeyType::kChoice,
     .wiring = kWired,
     .tightening = Tightening::kHigherChoice,
     .choices = kDecisions,
     .description = "What happens to connections that no rule names.",
     .apply = applyChoice<&Document::network, &Network::fallback>,
     .read = readChoice<&Document::network, &Network::fallback>},
    {.name = "network.allow",
     .type = KeyType::kHosts,
     .wiring = kUnwired,
     .tightening = Tightening::kNothing,
     .choices = {},
     .description = "Hosts that may be connected to.",
     .apply = applyHosts<&Network::allow>,
     .read = readHosts<&Network::allow>},
    {.name = "network.ask",
     .type = KeyType::kHosts,
     .wiring = kUnwired,
     .tightening = Tightening::kNothing,
     .choices = {},
     .description = "Hosts that may be connected to after asking.",
     .apply = applyHosts<&Network::ask>,
     .read = readHosts<&Network::ask>},
    {.name = "network.forbid",
     .type = KeyType::kHosts,
     .wiring = kUnwired,
     .tightening = Tightening::kAddEntries,
     .choices = {},
     .description = "Hosts and address ranges that are never connected to.",
     .apply = applyHosts<&Network::forbid>,
     .read = readHosts<&Network::forbid>},
    later("network.loopback", "Ports of the host's 127.0.0.1 that appear inside."),
    later("network.publish", "Ports of the agent's 127.0.0.1 that appear on the host's."),

    {.name = "exec.rule",
     .type = KeyType::kExecRules,
     .wiring = kUnwired,
     .tightening = Tightening::kForbidRules,
     .choices = {},
     .description = "Decisions about programs by the beginning of their arguments.",
     .apply = applyExec,
     .read = readExec},

    {.name = "identity.as",
     .type = KeyType::kChoice,
     .wiring = kWired,
     .tightening = Tightening::kHigherChoice,
     .choices = kIdentities,
     .description = "caller: runs as the user who starts it; own: as a user id of its own.",
     .apply = applyOwnChoice<&Document::identity>,
     .read = readOwnChoice<&Document::identity>},
    {.name = "identity.groups",
     .type = KeyType::kGroups,
     .wiring = kWired,
     .tightening = Tightening::kKeepEntries,
     .choices = {},
     .description = "Supplementary groups of the caller to keep, by name.",
     .apply = applyGroups,
     .read = readGroups},

    {.name = "limits.cpu",
     .type = KeyType::kPercent,
     .wiring = kWired,
     .tightening = Tightening::kSmaller,
     .choices = {},
     .description = "Share of one CPU: \"200%\" is two CPUs.",
     .apply = applyCpu,
     .read = readCpu},
    {.name = "limits.memory",
     .type = KeyType::kSize,
     .wiring = kWired,
     .tightening = Tightening::kSmaller,
     .choices = {},
     .description = "Memory of all processes of the run together.",
     .apply = applyMemory,
     .read = readMemory},
    {.name = "limits.pids",
     .type = KeyType::kCount,
     .wiring = kWired,
     .tightening = Tightening::kSmaller,
     .choices = {},
     .description = "Processes and threads at one time.",
     .apply = applyPids,
     .read = readPids},
    later("limits.io_write", "Bytes written to disks in a second."),
    later("limits.npu", "Share of the neural processor."),
    later("limits.tokens", "Tokens that the run may use."),
    later("limits.wall_time", "How long the run may last."),
    later("limits.on_limit", "What happens at a limit.", kOnLimits),

    {.name = "priority.class",
     .type = KeyType::kChoice,
     .wiring = kWired,
     .tightening = Tightening::kHigherChoice,
     .choices = kPriorities,
     .description = "interactive, background or idle: who goes first when the machine is busy.",
     .apply = applyOwnChoice<&Document::priority>,
     .read = readOwnChoice<&Document::priority>},
    later("priority.preempt_grace", "How long a declared critical section may delay a freeze."),

    later("prompt.timeout", "How long a question waits before it is denied."),
    later("prompt.per_minute", "Questions in a minute before they are batched."),
    later("audit.read", "Paths that an audited run may also read."),

    {.name = "environment.pass",
     .type = KeyType::kVariables,
     .wiring = kWired,
     .tightening = Tightening::kKeepEntries,
     .choices = {},
     .description = "Environment variables taken from the caller; a trailing * stands for any ending.",
     .apply = applyPass,
     .read = readPass},
    {.name = "environment.set",
     .type = KeyType::kAssignments,
     .wiring = kWired,
     .tightening = Tightening::kSafeVariables,
     .choices = {},
     .description = "Environment variables with the value they get.",
     .apply = applySet,
     .read = readSet},
};

}  // namespace

std::span<const Key> keys() { return kKeys; }

const Key* findKey(std::string_view name) {
  const auto* found = std::ranges::find(kKeys, name, &Key::name);
  return found == std::end(kKeys) ? nullptr : found;
}

bool isKeyGroup(std::string_view name) {
  const std::string prefix = std::string(name) + ".";
  return std::ranges::any_of(kKeys, [&](const Key& key) { return key.name.starts_with(prefix); });
}

}  // namespace ringfence::policy
