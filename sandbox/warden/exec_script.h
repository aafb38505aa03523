// How the kernel runs a script: the first line names an interpreter, whose arguments are made from the caller's. The
// same rules as the kernel's own, to the byte. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::sandbox {

// As much of a file as the kernel looks at.
inline constexpr std::size_t kProgramHead = 256;
// Interpreters of interpreters; the kernel says ELOOP beyond.
inline constexpr std::size_t kMaxInterpreters = 5;

enum class ProgramFormat {
  kNative,   // ELF that this machine may be able to run
  kScript,   // "#!"
  kUnknown,  // the kernel would say ENOEXEC, or hand it to what binfmt_misc knows
};

struct ScriptLine {
  std::string interpreter;
  std::optional<std::string> argument;
  bool operator==(const ScriptLine&) const = default;
};

struct ProgramHead {
  ProgramFormat format = ProgramFormat::kUnknown;
  ScriptLine script;  // kScript
};

// `head`: the first kProgramHead bytes of the file, or all of a shorter one.
ProgramHead readProgramHead(std::string_view head);

// What the interpreter gets in place of `argv` for the script known as `script`.
std::vector<std::string> interpreterArguments(const ScriptLine& line, const std::string& script,
                                              const std::vector<std::string>& argv);

}  // namespace ringfence::sandbox
