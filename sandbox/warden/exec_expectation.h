// What a process must be when an allowed exec has happened: compared with what it is before it runs one instruction.
#pragma once

#include <string>

#include "sandbox/kernel/notifier.h"
#include "sandbox/warden/exec_program.h"

namespace ringfence::sandbox {

class ExecExpectation {
 public:
  // Keeps the objects open, so that no other file can have their numbers meanwhile. Of an argv that was cut only what
  // was read is compared.
  ExecExpectation(const ExecCopy& copy, ExecProgram program);

  // Empty: `process`, which stands before its first instruction, is what was judged. Otherwise what it is instead, in
  // words. On the thread that traces it.
  std::string compare(SyscallNotifier& notifier, int proc, int process) const;

 private:
  enum class OnStack { kOther, kArguments, kArgumentsAndName };
  OnStack onStack(SyscallNotifier& notifier, int process) const;

  ExecProgram program_;
  std::string name_;         // by which the kernel opened it, where that leads to it for good; else empty
  std::string commandLine_;  // as /proc/PID/cmdline has it
  std::size_t count_ = 0;    // of arguments
  bool beginning_ = false;   // only its beginning is known
};

}  // namespace ringfence::sandbox
