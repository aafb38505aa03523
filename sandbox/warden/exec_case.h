// One exec from its notification to what is to be done about it. Blocks as the caller's memory and file systems do, so
// it belongs where that holds up nobody else.
//
//   auto prepared = prepareExec(caller, promises.claim(call));
//   ExecCase, allowed:   gate.admit(std::move(case).admission());
//   … rewritten:         gate.correct(std::move(*correctExec(caller, case, rewrite)).correction());
//   ExecRefusal:         answer its error; recorded where it says why
//   ExecBroken:          endExchanged(notifier, proc, call)
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sandbox/warden/caller.h"
#include "sandbox/warden/exec_gate.h"
#include "sandbox/warden/exec_judge.h"

namespace ringfence::sandbox {

struct ExecCase {
  Notification call;
  ExecCopy copy;
  ExecProgram program;
  // The same call was allowed, or put in place of another one, and was interrupted or corrected: it comes as promised.
  std::optional<ExecPromise> kept;

  // Forbid, ask, rewrite or allow. What was answered or corrected once is not asked about or corrected again; a forbid
  // that came meanwhile holds.
  Ruling judge(const Rules& rules) const;
  ExecAdmission admission() &&;
  ExecCorrection correction() &&;
};

struct ExecRefusal {
  int error = 0;
  // Empty: the kernel itself would say so, and nobody needs to know. Otherwise it was we who refused, and why.
  std::string why;
  policy::Action action;  // as the caller wrote it
};

// The corrected call is not what was promised: another thread changed it.
struct ExecBroken {
  policy::Action action;  // as it was promised
};

using PreparedExec = std::variant<ExecCase, ExecRefusal, ExecBroken>;

PreparedExec prepareExec(const Caller& caller, std::optional<ExecPromise> promise);
// The same of arguments that were copied.
PreparedExec prepareExec(const Caller& caller, std::optional<ExecPromise> promise, Result<ExecCopy> copy);

// Another command line for a call that waits, to be judged as any: the program that `rewrite` names, else as the
// caller's PATH finds it, or the same as before where its name did not change. Fails with what execve(2) would say.
Result<ExecCase> correctExec(const Caller& caller, const ExecCase& original, const Rewrite& rewrite);

// Whether this may be the exec by which the run's pid 1 starts the command of its launch: its memory is pid 1's, which
// belongs to who launched it, so nobody inside can read or trace it, neither can we. That command was judged before the
// launch. ExecGate::admitLaunched() makes sure.
bool isLaunchedCommand(const Caller& caller);

}  // namespace ringfence::sandbox
