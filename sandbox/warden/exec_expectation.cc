#include "sandbox/warden/exec_expectation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sandbox/kernel/registers.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kStackRead = 4096;

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

}  // namespace

ExecExpectation::ExecExpectation(const ExecCopy& copy, ExecProgram program)
    : program_(std::move(program)), beginning_(copy.argvCut) {
  for (const std::string& argument : program_.chain.back().argv) {
    commandLine_ += argument;
    commandLine_ += '\0';
  }
  count_ = program_.chain.back().argv.size();
  if (beginning_) commandLine_.pop_back();  // The last one may be the beginning of a longer one.
}

// Where the kernel has just put the arguments of a new program: their number, where each is, and, side by side from the
// first one on, the arguments themselves; nearly always near enough to be read with their number. In a fifth of the
// time that /proc takes. False also where it is not known.
bool ExecExpectation::isOnStack(SyscallNotifier& notifier, int process) const {
  const auto registers = CallRegisters::read(process);
  if (!registers) return false;
  struct {
    std::uint64_t count, first;
  } start{};
  std::array<char, kStackRead> stack;
  const std::uint64_t top = registers->stackPointer();
  const std::size_t got = notifier.readMemory(process, top, stack);
  if (got < sizeof start) return false;
  std::memcpy(&start, stack.data(), sizeof start);
  if (beginning_ ? start.count < count_ : start.count != count_) return false;
  const std::uint64_t offset = start.first - top;
  if (start.first >= top && offset <= got && got - offset >= commandLine_.size())
    return std::string_view(stack.data() + offset, commandLine_.size()) == commandLine_;
  std::string text(commandLine_.size(), '\0');
  return notifier.readMemory(process, start.first, text) == text.size() && text == commandLine_;
}

std::string ExecExpectation::compare(SyscallNotifier& notifier, int proc, int process) const {
  const std::string place = std::to_string(process);
  struct stat status {};
  if (::fstatat(proc, (place + "/exe").c_str(), &status, 0) != 0)
    return posixError(errno, "what the process runs cannot be read").message;
  const ExecObject& object = program_.chain.back();
  if (status.st_dev != object.device || status.st_ino != object.inode) return "another program was run";
  if (isOnStack(notifier, process)) return {};
  const auto text = readBeginning(proc, place + "/cmdline", commandLine_.size() + (beginning_ ? 0 : 1));
  if (!text) return text.error().message;
  if (*text != commandLine_) return "its arguments are others";
  return {};
}

}  // namespace ringfence::sandbox
