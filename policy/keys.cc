#include "policy/keys.h"

#include <algorithm>
#include <string>

#include "policy/key_fields.h"

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
