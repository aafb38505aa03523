// The registers of a traced thread that stands at the edge of a system call: the little of it that differs from one
// architecture to the next. All of it is for the thread that traces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

using CallArguments = std::array<std::uint64_t, 6>;

class CallRegisters {
 public:
  // kUnsupported where the registers of this architecture are not known: then no call can be made in place of another.
  static Result<void> checkSupported();
  // `thread` must be in a trace stop. Fails with kNotFound when it was killed meanwhile.
  static Result<CallRegisters> read(int thread);
  Result<void> write(int thread) const;

  // Whether the call that was just interrupted will be made again when the thread goes on.
  bool willRestart() const { return restarts_; }
  // What the call gave otherwise: a value or -errno.
  std::int64_t result() const;

  std::uint64_t stackPointer() const;
  CallArguments arguments() const;
  // What the program sees in the argument registers afterwards; for a call that failed.
  void setArguments(const CallArguments& arguments);
  // Where the instruction is that made the call.
  std::uint64_t callAddress() const;
  // Goes on by making this call at that instruction; nothing of an earlier call is finished or repeated.
  void makeCall(std::uint64_t address, int number, const CallArguments& arguments);
  // Goes on behind that instruction as if the call had given `result`.
  void returnFromCall(std::uint64_t address, std::int64_t result);

 private:
  static constexpr std::size_t kMaxRegisters = 64;
  std::array<std::uint64_t, kMaxRegisters> raw_{};
  std::size_t size_ = 0;  // in bytes, as the kernel gave them
  bool restarts_ = false;
};

// The number of mmap(2), and its arguments for `size` bytes of fresh private memory.
struct FreshMemoryCall {
  int number = 0;
  CallArguments arguments{};
};
FreshMemoryCall freshMemoryCall(std::uint64_t size);

}  // namespace ringfence::sandbox
