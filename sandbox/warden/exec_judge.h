// Judges an exec by what it is, by the interpreter that would run it and by what it hides, and says it in words for the
// person who is asked.
#pragma once

#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "sandbox/warden/exec_program.h"
#include "sandbox/warden/rules.h"
#include "sandbox/wire/guard.h"

namespace ringfence::sandbox {

// One way to see a command line.
struct ExecForm {
  policy::Action action;
  // The words before `action.argv` in the whole command line, to be kept where these are replaced. Nothing to keep of
  // an interpreter: what it is replaced by takes the place of all.
  std::vector<std::string> before;
  std::string seenAs;  // for people: "what `env` starts"; empty for what the caller wrote
};

// Never empty; the first is what the caller wrote. Not to be kept: each has its words once more.
std::vector<ExecForm> execForms(const ExecProgram& program);

// The strictest ruling over all forms: forbid, ask, rewrite, allow. A grant for what the caller wrote answers what is
// asked about any of its forms. `verdict.replacement.argv` is a whole command line. Always recorded.
Ruling judgeExec(const Rules& rules, const std::vector<ExecForm>& forms);

// The words cut to what guards may say (sandbox/wire/guard.h); the last one says how many are missing. `cut`: there
// were more than these.
enum class ArgumentsCut { kNo, kYes };
std::vector<std::string> boundedArguments(const std::vector<std::string>& argv, ArgumentsCut cut);

}  // namespace ringfence::sandbox
