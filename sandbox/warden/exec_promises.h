// Calls of which it is known what they must be: an exec that was interrupted comes again as it was, one that was
// corrected comes as corrected. Threads may share one.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "sandbox/kernel/notifier.h"
#include "sandbox/kernel/registers.h"
#include "sandbox/warden/exec_copy.h"
#include "sandbox/warden/exec_program.h"

namespace ringfence::sandbox {

struct ExecPromise {
  enum class Kind { kAgain, kCorrected } kind = Kind::kAgain;
  // Of its registers, which no other thread can change: a call with other ones is another call.
  CallArguments arguments{};
  ExecCopy copy;                          // what its memory must say; kCorrected: anything else is an exchange
  std::vector<ExecIdentity> program;      // what its path must lead to
  std::optional<CallArguments> original;  // kCorrected: of the registers, for when the call fails
  std::uint64_t startTime = 0;            // of the thread
};

class ExecPromises {
 public:
  // `proc`: the launcher's /proc, borrowed.
  explicit ExecPromises(int proc) : proc_(proc) {}

  // For the next exec of `thread`; the last one counts.
  void promise(int thread, ExecPromise promise);
  // What this call must be, where it is one that was promised. Each promise is given once.
  std::optional<ExecPromise> claim(const Notification& call);

 private:
  int proc_;
  std::mutex mutex_;
  std::map<int, ExecPromise> promises_;  // by thread
};

}  // namespace ringfence::sandbox
