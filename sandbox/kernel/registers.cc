#include "sandbox/kernel/registers.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace ringfence::sandbox {
namespace {

// ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK: results that never leave the kernel.
[[maybe_unused]] bool isRestart(std::int64_t result) {
  return result == -512 || result == -513 || result == -514 || result == -516;
}

// Places in what PTRACE_GETREGSET gives for NT_PRSTATUS, in words of 8 bytes.
#if defined(__x86_64__)
constexpr std::size_t kResult = 10;                          // rax
constexpr std::size_t kCall = 15;                            // orig_rax
constexpr std::size_t kProgram = 16;                         // rip
constexpr std::size_t kStack = 19;                           // rsp
constexpr std::size_t kArguments[] = {14, 13, 12, 7, 9, 8};  // rdi rsi rdx r10 r8 r9
constexpr std::uint64_t kCallLength = 2;
#elif defined(__aarch64__)
constexpr std::size_t kResult = 0;    // x0
constexpr std::size_t kCall = 8;      // x8
constexpr std::size_t kProgram = 32;  // pc
constexpr std::size_t kStack = 31;    // sp
constexpr std::size_t kArguments[] = {0, 1, 2, 3, 4, 5};
constexpr std::uint64_t kCallLength = 4;
constexpr std::uint32_t kCallInstruction = 0xd400'0001;  // svc #0
#else
// Nothing is known: no registers are read, so none are used.
constexpr std::size_t kResult = 0;
constexpr std::size_t kCall = 0;
constexpr std::size_t kProgram = 0;
constexpr std::size_t kStack = 0;
constexpr std::size_t kArguments[] = {0, 0, 0, 0, 0, 0};
constexpr std::uint64_t kCallLength = 4;
constexpr std::uint32_t kCallInstruction = 0;
#endif

}  // namespace

Result<void> CallRegisters::checkSupported() {
#if defined(__x86_64__) || defined(__aarch64__)
  return {};
#else
  return Error{ErrorCode::kUnsupported, "on this architecture a command cannot be rewritten"};
#endif
}

Result<CallRegisters> CallRegisters::read(int thread) {
  RF_TRY(checkSupported());
  CallRegisters registers;
  iovec area{registers.raw_.data(), sizeof registers.raw_};
  if (::ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &area) != 0) {
    Error error = posixError(errno, "reading the registers of a stopped thread");
    if (error.sysErrno == ESRCH) error.code = ErrorCode::kNotFound;
    return error;
  }
  registers.size_ = area.iov_len;
  if (registers.size_ < (std::max(kProgram, kStack) + 1) * sizeof(std::uint64_t))
    return Error{ErrorCode::kUnsupported, "the thread runs code of another architecture"};
#if defined(__x86_64__)
  registers.restarts_ =
      registers.raw_[kCall] != ~std::uint64_t{0} && isRestart(static_cast<std::int64_t>(registers.raw_[kResult]));
#else
  // The kernel has set the thread back to the call's own instruction before it stops.
  errno = 0;
  const long word = ::ptrace(PTRACE_PEEKTEXT, thread, registers.raw_[kProgram], nullptr);
  registers.restarts_ = errno == 0 && static_cast<std::uint32_t>(word) == kCallInstruction;
#endif
  return registers;
}

Result<void> CallRegisters::write(int thread) const {
  auto copy = raw_;
  iovec area{copy.data(), size_};
  if (::ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &area) != 0)
    return posixError(errno, "setting the registers of a stopped thread");
  return {};
}

std::int64_t CallRegisters::result() const { return static_cast<std::int64_t>(raw_[kResult]); }

std::uint64_t CallRegisters::stackPointer() const { return raw_[kStack]; }

CallArguments CallRegisters::arguments() const {
  CallArguments arguments{};
  for (std::size_t i = 0; i < arguments.size(); ++i) arguments.at(i) = raw_.at(kArguments[i]);
  return arguments;
}

void CallRegisters::setArguments(const CallArguments& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (kArguments[i] != kResult) raw_.at(kArguments[i]) = arguments.at(i);
  }
}

std::uint64_t CallRegisters::callAddress() const {
#if defined(__x86_64__)
  return raw_[kProgram] - kCallLength;
#else
  return restarts_ ? raw_[kProgram] : raw_[kProgram] - kCallLength;
#endif
}

void CallRegisters::makeCall(std::uint64_t address, int number, const CallArguments& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) raw_.at(kArguments[i]) = arguments.at(i);
  raw_[kProgram] = address;
#if defined(__x86_64__)
  raw_[kResult] = static_cast<std::uint64_t>(number);
  raw_[kCall] = ~std::uint64_t{0};  // no call is under way: nothing to restart
#else
  raw_[kCall] = static_cast<std::uint64_t>(number);
#endif
}

void CallRegisters::returnFromCall(std::uint64_t address, std::int64_t result) {
  raw_[kProgram] = address + kCallLength;
  raw_[kResult] = static_cast<std::uint64_t>(result);
#if defined(__x86_64__)
  raw_[kCall] = ~std::uint64_t{0};
#endif
}

FreshMemoryCall freshMemoryCall(std::uint64_t size) {
  return {.number = SYS_mmap,
          .arguments = {0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~std::uint64_t{0}, 0}};
}

}  // namespace ringfence::sandbox
