// Policy text in layers -> one Document. Pure: texts come in, nothing is opened.
//
//   Sources sources{.shipped = …, .system = …, .user = …, .project = …};
//   auto loaded = load(sources, "coding");
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/document.h"

namespace ringfence::policy {

// Of the texts of user and project in one load, in bytes and in keys, tables and entries of lists. `load` runs in the
// daemon, which serves others meanwhile: the worst that it accepts takes it a few hundredths of a second.
inline constexpr std::size_t kMaxBytesTogether = 128 * 1024;
inline constexpr std::size_t kMaxPiecesTogether = 4096;

struct SourceText {
  std::string file;  // shown in diagnostics
  std::string text;
  // Not empty: the file is there and could not be read, and why. It then counts as a policy that does not load, so that
  // whoever builds on it is refused.
  std::string unreadable = {};
  bool operator==(const SourceText&) const = default;
};

// How a policy is found and merged:
// - `extends` comes first, then the file's own values: lists append, scalars replace. Each file counts once.
// - The same name in several layers is one policy: the layers are applied weak to strong, and limits keep the stricter
//   value (a warning says so). A file that extends its own name means the one in the layers below.
// - A file sees its own layer and those below it, so nothing of a user gets into a policy of the system.
// - Keys that a file of the system locks cannot be set by files of users and projects that build on it. What the
//   system's `base` locks holds for every policy, extended or not.
//
// Weak to strong. `forbid` over `ask` over `allow`; limits take the stricter; `system` may lock keys.
struct Sources {
  std::vector<SourceText> shipped;
  std::vector<SourceText> system;
  std::vector<SourceText> user;
  std::optional<SourceText> file;     // -p FILE: stands in the user's layer, and is the one selected
  std::optional<SourceText> project;  // .ringfence.toml: may only tighten, unless `projectTrusted`
  bool projectTrusted = false;
  bool operator==(const Sources&) const = default;
};

struct Loaded {
  Document document;
  std::vector<Diagnostic> warnings;
  std::map<std::string, Origin> locked;  // by the system, and where
};

// Keys of the format that this build does not enforce are errors, so that nobody relies on them. Accepting them is for
// tests of the parts that will.
enum class UnwiredKeys { kRefuse, kAccept };
struct DecodeOptions {
  UnwiredKeys unwired = UnwiredKeys::kRefuse;
};

// The policy called `name` (or Sources::file when it is set), with everything it extends. Diagnostics are errors, at
// least one, in the order of the files.
std::variant<Loaded, std::vector<Diagnostic>> load(const Sources& sources, const std::string& name,
                                                   const DecodeOptions& options = {});

// Names that `load` would take, with the file that defines each.
struct Available {
  std::string name;
  std::string file;
  std::string summary;  // the first comment line; of a file that does not load, what is wrong with it
  bool broken = false;
};
std::vector<Available> available(const Sources& sources);

// The JSON Schema of the format, from the table of the decoder: only keys that are enforced.
std::string jsonSchema();

// What is wrong with one text by itself, without the policies that it extends. Empty: nothing.
std::vector<Diagnostic> check(const SourceText& source, const DecodeOptions& options = {});

}  // namespace ringfence::policy
