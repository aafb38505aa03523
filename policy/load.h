// Policy text in layers -> one Document. Pure: texts come in, nothing is opened.
//
//   Sources sources{.shipped = …, .system = …, .user = …, .project = …};
//   auto loaded = load(sources, "coding");
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/document.h"

namespace ringfence::policy {

struct SourceText {
  std::string file;  // shown in diagnostics
  std::string text;
};

// Weak to strong. `forbid` over `ask` over `allow`; limits take the stricter; `system` may lock keys.
struct Sources {
  std::vector<SourceText> shipped;
  std::vector<SourceText> system;
  std::vector<SourceText> user;
  std::optional<SourceText> file;      // -p FILE: stands in the user's layer, and is the one selected
  std::optional<SourceText> project;   // .ringfence.toml: may only tighten, unless `projectTrusted`
  bool projectTrusted = false;
};

struct Loaded {
  Document document;
  std::vector<Diagnostic> warnings;
};

// The policy called `name` (or Sources::file when it is set), with everything it extends. Diagnostics are errors, at least
// one, in the order of the files.
std::variant<Loaded, std::vector<Diagnostic>> load(const Sources& sources, const std::string& name);

// Names that `load` would take, with the file that defines each.
struct Available { std::string name; std::string file; std::string summary; };
std::vector<Available> available(const Sources& sources);

// The JSON Schema of the format, from the table of the decoder: only keys that are enforced.
std::string jsonSchema();

}  // namespace ringfence::policy
