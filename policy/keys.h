// The one table of the policy format: every key, its type, what it means, whether this build enforces it, how a project
// may change it, and where its value lives in a Document. Decoder, merge, schema, `show` and hash all read this table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "policy/document.h"
#include "policy/place.h"

namespace ringfence::policy {

enum class KeyType {
  kVersion,       // the integer 1
  kName,          // the name of a policy
  kNames,         // names of policies
  kKeyNames,      // dotted keys of this table
  kChoice,        // one of Key::choices
  kGrants,        // paths without globs
  kPatterns,      // paths with globs
  kGroups,        // group names
  kVariables,     // names of environment variables, a trailing * allowed
  kAssignments,   // a table of environment variables
  kSize,          // "6GiB"
  kRate,          // "50MiB/s"
  kPercent,       // "200%"
  kShare,         // "50%": up to 100
  kCount,         // a positive integer
  kAmount,        // a greater one
  kDuration,      // "10m"
  kMoney,         // "$2.50"
  kPorts,         // a list of port numbers
  kHosts,         // [{host|cidr, port, why}]
  kExecRules,     // [[exec.rule]]
  kToolRules,     // [[tools.rule]]
  kPathRewrites,  // [[files.rewrite]]
  kHostRewrites,  // [[network.rewrite]]
  kCredentials,   // [[network.credential]]
  kGrantRules,    // [[grant]]
  kText,          // known, not decoded further: no build enforces it yet
};

enum class Wiring { kWired, kUnwired };

// What a project may do with a key while nobody trusts it.
enum class Tightening {
  kNothing,           // not set it
  kHarmless,          // set it: it grants nothing
  kLowerChoice,       // choose an earlier one of the choices
  kHigherChoice,      // choose a later one
  kSmaller,           // a smaller number
  kSmallerThanGiven,  // a smaller number, where there is one: to set it gives something
  kAddEntries,        // add entries
  kKeepEntries,       // only name entries that are there already
  kStricterRules,     // add rules that forbid or ask
  kAskPaths,          // add questions about what may be changed without
  kAskHosts,          // add questions about what may be connected to without
  kSafeVariables,     // set variables that steer no loader, shell or interpreter, and that are not set already
};

struct Choice {
  std::string_view name;
  Wiring wiring = Wiring::kWired;
};

// A value as the decoder hands it to a Document, and as a Document gives it back (without places).
struct TextItem {
  std::string text;
  Place place;
};
struct Assignment {
  std::string name;
  std::string value;
  Place place;
};
using Decoded =
    std::variant<std::monostate, std::uint64_t, std::string, std::vector<TextItem>, std::vector<Assignment>,
                 std::vector<HostRule>, std::vector<ExecRule>, std::vector<PathRewrite>, std::vector<HostRewrite>,
                 std::vector<Credential>, std::vector<Grant>, std::vector<ToolRule>>;

// Whose files may set a key at all, whoever trusts them.
enum class Writers { kAnyone, kSystemAndUser };

struct Key {
  std::string_view name;
  KeyType type;
  Wiring wiring;
  Tightening tightening;
  std::span<const Choice> choices;  // in the order of the enum in document.h
  std::string_view description;
  // Scalars replace, lists append what is not there yet. Null for keys about the file itself.
  void (*apply)(Document&, const Decoded&) = nullptr;
  // monostate: not set.
  Decoded (*read)(const Document&) = nullptr;
  Writers writers = Writers::kAnyone;
};

// The greatest number of a kAmount.
inline constexpr std::uint64_t kMaxAmount = 1'000'000'000'000;

std::span<const Key> keys();
const Key* findKey(std::string_view name);
// True for "files", "exec": the first part of some key.
bool isKeyGroup(std::string_view name);

}  // namespace ringfence::policy
