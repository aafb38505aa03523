// Where the caller's COMMAND is, and which tree around it must be readable inside the fence. Looks at files as the
// caller.
//
//   auto found = findProgram("claude", {.path = getenv("PATH"), .home = "/home/ada", .workspace =
//   "/home/ada/project"});
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ringfence::cli {

struct Surroundings {
  std::string path;              // PATH of the caller
  std::string home;              // absolute, real; empty: unknown
  std::string workspace;         // absolute, real: everything below is inside anyway
  std::string workingDirectory;  // absolute; what relative names are relative to
};

struct Program {
  std::string executable;   // absolute
  std::string installTree;  // what must be bound read-only besides the system's own directories; may be empty
  std::vector<std::string> alsoNeeded;  // further trees: of a script's interpreter
};

// exitCode is 127 (not found) or 126 (found, cannot be executed).
struct NoProgram {
  int exitCode = 127;
  std::string message;
};

std::variant<Program, NoProgram> findProgram(const std::string& command, const Surroundings& around);

// The tree that holds the real file `executable` and what belongs to it: ~/.nvm/versions/node/v20 for …/v20/bin/node,
// /opt/x for /opt/x/bin/y. Never the home itself, nor a directory above it, nor all of ~/.local: then a part, or the
// file alone. Empty for what is in the system's directories or in the workspace. Pure.
std::string installTreeOf(std::string_view executable, std::string_view home, std::string_view workspace);

// What a script's first line names: {"/usr/bin/env", "node"} or {"/bin/sh", ""}. Empty interpreter: no script. Pure.
struct Shebang {
  std::string interpreter;
  std::string program;
};
Shebang parseShebang(std::string_view head);

}  // namespace ringfence::cli
