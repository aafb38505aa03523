#include "sandbox/warden/exec_script.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace ringfence::sandbox {
namespace {

bool isBlank(char c) { return c == ' ' || c == '\t'; }

// Offsets into the padded head; `last` is included, as the kernel counts.
std::optional<std::size_t> nextNonBlank(std::string_view head, std::size_t first, std::size_t last) {
  for (; first <= last; ++first) {
    if (!isBlank(head[first])) return first;
  }
  return std::nullopt;
}

std::optional<std::size_t> nextEnd(std::string_view head, std::size_t first, std::size_t last) {
  for (; first <= last; ++first) {
    if (isBlank(head[first]) || head[first] == '\0') return first;
  }
  return std::nullopt;
}

std::string textAt(std::string_view head, std::size_t begin, std::size_t end) {
  const std::string_view text = head.substr(begin, end - begin);
  return std::string(text.substr(0, text.find('\0')));
}

// The end of the first line without the blanks before it. Nothing: the kernel takes it for no script.
std::optional<std::size_t> lineEnd(std::string_view head) {
  constexpr std::size_t kLast = kProgramHead - 1;
  const std::size_t newline = head.find('\n');
  std::size_t end = newline;
  if (newline == std::string_view::npos || head.find('\0') < newline) {
    // Without an end the line may be cut, and a cut name would be another program.
    const auto name = nextNonBlank(head, 2, kLast);
    if (!name || !nextEnd(head, *name, kLast)) return std::nullopt;
    end = kLast;
  }
  while (isBlank(head[end - 1])) --end;
  return end;
}

std::optional<ScriptLine> readScript(std::string_view head) {
  const auto end = lineEnd(head);
  if (!end) return std::nullopt;
  const auto name = nextNonBlank(head, 2, *end);
  if (!name || *name == *end) return std::nullopt;
  const auto separator = nextEnd(head, *name, *end);
  ScriptLine line;
  if (separator && head[*separator] != '\0') {
    const auto argument = nextNonBlank(head, *separator, *end);
    if (argument) line.argument = textAt(head, *argument, *end);
  }
  line.interpreter = textAt(head, *name, line.argument ? *separator : *end);
  return line;
}

// Of this machine, or of its 32-bit elder; the kernel looks closer. Others would need a registered interpreter.
bool isNativeMachine(std::string_view head) {
  Elf64_Half machine = 0;
  if (head.size() < 20) return false;
  std::memcpy(&machine, head.data() + 18, sizeof machine);
#if defined(__x86_64__)
  return machine == EM_X86_64 || machine == EM_386;
#elif defined(__aarch64__)
  return machine == EM_AARCH64 || machine == EM_ARM;
#elif defined(__riscv)
  return machine == EM_RISCV;
#else
  return false;  // nothing runs where nobody knows what it is
#endif
}

}  // namespace

ProgramHead readProgramHead(std::string_view head) {
  std::string padded(head.substr(0, kProgramHead));
  padded.resize(kProgramHead, '\0');
  ProgramHead result;
  if (padded.starts_with("#!")) {
    if (auto line = readScript(padded)) {
      result.format = ProgramFormat::kScript;
      result.script = std::move(*line);
    }
  } else if (padded.starts_with(ELFMAG) && isNativeMachine(padded)) {
    result.format = ProgramFormat::kNative;
  }
  return result;
}

std::vector<std::string> interpreterArguments(const ScriptLine& line, const std::string& script,
                                              const std::vector<std::string>& argv) {
  std::vector<std::string> result{line.interpreter};
  if (line.argument) result.push_back(*line.argument);
  result.push_back(script);
  if (argv.size() > 1) result.insert(result.end(), argv.begin() + 1, argv.end());
  return result;
}

}  // namespace ringfence::sandbox
