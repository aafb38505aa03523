// What a process must be when an allowed exec has happened: compared with what it is before it runs one instruction.
#pragma once

#include <string>

#include "sandbox/warden/exec_program.h"

namespace ringfence::sandbox {

class ExecExpectation {
 public:
  // Keeps the objects open, so that no other file can have their numbers meanwhile. Of an argv that was cut only what
  // was read is compared.
  ExecExpectation(const ExecCopy& copy, ExecProgram program);

  // Empty: `process` is what was judged. Otherwise what it is instead, in words.
  std::string compare(int proc, int process) const;

 private:
  ExecProgram program_;
  std::string commandLine_;  // as /proc/PID/cmdline has it
  bool beginning_ = false;   // only its beginning is known
};

}  // namespace ringfence::sandbox
