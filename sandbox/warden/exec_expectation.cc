#include "sandbox/warden/exec_expectation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <span>

#include "sandbox/kernel/registers.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

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
// first one on, the arguments themselves. In a fifth of the time that /proc takes. False also where it is not known.
bool ExecExpectation::isOnStack(SyscallNotifier& notifier, int process) const {
  const auto registers = CallRegisters::read(process);
  if (!registers) return false;
  struct {
    std::uint64_t count, first;
  } start{};
  const std::span<char> words(reinterpret_cast<char*>(&start), sizeof start);
  if (notifier.readMemory(process, registers->stackPointer(), words) != words.size()) return false;
  if (beginning_ ? start.count < count_ : start.count != count_) return false;
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
