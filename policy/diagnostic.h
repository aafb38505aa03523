// What is wrong with a policy text, for a person (rustc style, with source line and caret) and for programs (JSON).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ringfence::policy {

enum class Severity { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  std::uint32_t line = 0;          // from 1; 0: about the whole file
  std::uint32_t column = 0;        // from 1, in characters
  std::uint32_t length = 1;        // of the offending token, in characters
  std::string message;             // "unknown key `workspce`"
  std::string help;                // "did you mean `workspace`?"; may be empty
  std::string sourceLine;          // of a very long one the surroundings of the token
  std::uint32_t sourceColumn = 1;  // of its first character
  bool operator==(const Diagnostic&) const = default;
};

// error: unknown key `workspce`
//   --> coding.toml:7:1
//    |
//  7 | workspce = "rw"
//    | ^^^^^^^^ did you mean `workspace`?
std::string renderText(const Diagnostic& diagnostic);
std::string renderText(const std::vector<Diagnostic>& diagnostics);
// An array of {"severity","file","line","column","end_column","message","help"}.
std::string renderJson(const std::vector<Diagnostic>& diagnostics);

}  // namespace ringfence::policy
