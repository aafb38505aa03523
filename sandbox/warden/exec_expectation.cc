#include "sandbox/warden/exec_expectation.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "sandbox/kernel/registers.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kStackRead = 12 * 1024;  // the kernel leaves up to 8 KiB free below the arguments
constexpr std::size_t kMaxSecondRead = 16 * 1024;

// At most `limit` bytes of it.
Result<std::string> readBeginning(int proc, const std::string& path, std::size_t limit) {
  const UniqueFd file = RF_TRY(openAt(proc, path, O_RDONLY));
  std::string text(limit, '\0');
  std::size_t size = 0;
  while (size < limit) {
    const ssize_t got = ::read(file.get(), text.data() + size, limit - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return posixError(errno, "reading " + path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

// What was read of a stack that grows down, from its pointer on.
struct StackRead {
  std::uint64_t address = 0;
  std::string_view bytes;

  std::optional<std::uint64_t> word(std::size_t index) const {
    std::uint64_t value = 0;
    if (bytes.size() / sizeof value <= index) return std::nullopt;
    std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
    return value;
  }
  bool holds(std::uint64_t from, std::uint64_t to) const {
    return from >= address && to >= from && to - address <= bytes.size();
  }
  bool has(std::uint64_t at, std::string_view text) const {
    return holds(at, at + text.size()) && bytes.substr(static_cast<std::size_t>(at - address), text.size()) == text;
  }
  // AT_EXECFN of the pairs behind the variables, which begin behind the word `index`. 0: it is not there.
  std::uint64_t nameAt(std::size_t index) const {
    std::optional<std::uint64_t> value;
    do { value = word(++index); } while (value.value_or(0) != 0);
    for (++index; value; index += 2) {
      const auto kind = word(index);
      value = word(index + 1);
      if (!kind || *kind == AT_NULL) return 0;
      if (*kind == AT_EXECFN) return value.value_or(0);
    }
    return 0;
  }
};

}  // namespace

ExecExpectation::ExecExpectation(const ExecCopy& copy, ExecProgram program)
    : program_(std::move(program)), beginning_(copy.argvCut) {
  for (const std::string& argument : program_.chain.back().argv) {
    commandLine_ += argument;
    commandLine_ += '\0';
  }
  count_ = program_.chain.back().argv.size();
  if (beginning_) commandLine_.pop_back();  // The last one may be the beginning of a longer one.
  if (std::ranges::all_of(program_.chain, &ExecObject::fixed)) name_ = copy.path;
}

// Where the kernel has just put the arguments of a new program: their number, where each is, where each variable is,
// what else it tells a program; and further up, side by side from the first one on, the arguments themselves, the
// variables, and the name by which it opened the program: its own copy. Nearly always near enough to be read at once.
// In a fifth of the time that /proc takes. kOther also where it is not known.
ExecExpectation::OnStack ExecExpectation::onStack(SyscallNotifier& notifier, int process) const {
  const auto registers = CallRegisters::read(process);
  if (!registers) return OnStack::kOther;
  std::array<char, kStackRead> stack;
  const StackRead read{.address = registers->stackPointer(),
                       .bytes = {stack.data(), notifier.readMemory(process, registers->stackPointer(), stack)}};
  const auto count = read.word(0), first = read.word(1);
  if (!count || !first || (beginning_ ? *count < count_ : *count != count_)) return OnStack::kOther;
  const std::uint64_t name = name_.empty() ? 0 : read.nameAt(*count + 1);
  // Behind the arguments are the variables, and behind these the name.
  std::string more;
  std::uint64_t end = *first + commandLine_.size();
  if (name > *first) end = std::max(end, name + name_.size() + 1);
  StackRead texts = read;
  if (!read.holds(*first, end)) {
    if (end - *first > std::max(kMaxSecondRead, commandLine_.size())) end = *first + commandLine_.size();
    more.resize(static_cast<std::size_t>(end - *first));
    const std::size_t got = notifier.readMemory(process, *first, more);
    texts = {.address = *first, .bytes = std::string_view(more).substr(0, got)};
  }
  if (!texts.has(*first, commandLine_)) return OnStack::kOther;
  const std::string_view named(name_.c_str(), name_.size() + 1);
  return name != 0 && texts.has(name, named) ? OnStack::kArgumentsAndName : OnStack::kArguments;
}

std::string ExecExpectation::compare(SyscallNotifier& notifier, int proc, int process) const {
  // What the kernel opened by a name that leads to the judged program for good is that program.
  const OnStack found = onStack(notifier, process);
  if (found == OnStack::kArgumentsAndName) return {};
  const std::string place = std::to_string(process);
  struct stat status {};
  if (::fstatat(proc, (place + "/exe").c_str(), &status, 0) != 0)
    return posixError(errno, "what the process runs cannot be read").message;
  const ExecObject& object = program_.chain.back();
  if (status.st_dev != object.device || status.st_ino != object.inode) return "another program was run";
  if (found == OnStack::kArguments) return {};
  const auto text = readBeginning(proc, place + "/cmdline", commandLine_.size() + (beginning_ ? 0 : 1));
  if (!text) return text.error().message;
  if (*text != commandLine_) return "its arguments are others";
  return {};
}

}  // namespace ringfence::sandbox
