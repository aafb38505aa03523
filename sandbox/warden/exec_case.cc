#include "sandbox/warden/exec_case.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "sandbox/kernel/process_chain.h"
#include "sandbox/kernel/registers.h"
#include "sandbox/warden/exec_block.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

ExecRefusal refusalOf(const Error& error) {
  if (error.sysErrno != 0) return {.error = error.sysErrno};
  return {.error = EACCES, .why = error.message};
}

Result<ExecCase> makeCase(const Caller& caller, ExecCopy copy) {
  ExecCase result{.call = caller.notification()};
  result.program = RF_TRY(openProgram(caller, copy));
  result.copy = std::move(copy);
  return result;
}

Result<std::string> programOf(const Caller& caller, const ExecCase& original, const Rewrite& rewrite) {
  if (rewrite.path) return *rewrite.path;
  const std::string& name = rewrite.argv.front();
  const ExecCopy& before = original.copy;
  if (!before.argv.empty() && name == before.argv.front()) {
    const bool here = before.directory == AT_FDCWD || before.path.starts_with('/');
    return here && before.flags == 0 ? before.path : original.program.chain.front().path;
  }
  if (name.find('/') != std::string::npos) return name;
  auto found = findProgram(caller, name, copySearchPath(caller, before.environment));
  if (!found) return posixError(ENOENT, escapeForDisplay(name) + " on the PATH of the program");
  return std::move(*found);
}

policy::Action asWritten(const ExecCopy& copy) {
  return {.operation = policy::Operation::kExec, .target = copy.path, .argv = copy.argv};
}

bool hasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

}  // namespace

Ruling ExecCase::judge(const Rules& rules) const {
  Ruling ruling = judgeExec(rules, execForms(program));
  if (!kept || ruling.decision == policy::Decision::kForbid) return ruling;
  ruling.decision = policy::Decision::kAllow;
  ruling.recorded = false;  // as what it was the first time
  return ruling;
}

ExecAdmission ExecCase::admission() && {
  std::optional<CallArguments> original;
  if (kept) original = kept->original;
  return {.call = call, .copy = std::move(copy), .program = std::move(program), .original = original};
}

ExecCorrection ExecCase::correction() && {
  return {.call = call, .corrected = std::move(copy), .program = identityOf(program)};
}

PreparedExec prepareExec(const Caller& caller, std::optional<ExecPromise> promise) {
  return prepareExec(caller, std::move(promise), copyExec(caller));
}

PreparedExec prepareExec(const Caller& caller, std::optional<ExecPromise> promise, Result<ExecCopy> copy) {
  const bool kept = promise && copy && *copy == promise->copy;
  if (promise && promise->kind == ExecPromise::Kind::kCorrected && !kept) return ExecBroken{asWritten(promise->copy)};
  if (!copy) return refusalOf(copy.error());
  policy::Action written = asWritten(*copy);
  auto result = makeCase(caller, std::move(*copy));
  if (!result) {
    ExecRefusal refusal = refusalOf(result.error());
    if (!refusal.why.empty()) refusal.action = std::move(written);
    return refusal;
  }
  // The same words may lead to another program by now: nobody has judged that one.
  const bool same = kept && identityOf(result->program) == promise->program;
  if (promise && promise->kind == ExecPromise::Kind::kCorrected && !same) return ExecBroken{std::move(written)};
  if (same) result->kept = std::move(promise);
  return std::move(*result);
}

Result<ExecCase> correctExec(const Caller& caller, const ExecCase& original, const Rewrite& rewrite) {
  RF_TRY(CallRegisters::checkSupported());
  if (rewrite.argv.empty()) return posixError(EINVAL, "a command line needs a program");
  ExecCopy copy{.call = original.copy.call, .argv = rewrite.argv, .environment = original.copy.environment};
  copy.path = RF_TRY(programOf(caller, original, rewrite));
  if (hasNul(copy.path) || std::ranges::any_of(copy.argv, hasNul))
    return posixError(EINVAL, "an argument cannot hold a NUL character");
  if (execBlockSize(copy.path, copy.argv) > kMaxExecArguments.count)
    return posixError(E2BIG, "the corrected command line");
  return makeCase(caller, std::move(copy));
}

bool isLaunchedCommand(const Caller& caller) {
  constexpr std::size_t kDepthOfRun = 2;
  const auto status = caller.status();
  // In the /proc that a launcher gives a warden whoever it may not trace is not to be seen; elsewhere it is gone.
  if (!status) return caller.notifier().isWaiting(caller.notification().id);
  if (status->process != caller.thread() || status->namespacePids.size() != kDepthOfRun) return false;
  const auto parent = readThreadStatus(caller.proc(), status->parent);
  return parent && parent->namespacePids.size() == kDepthOfRun && parent->namespacePids.back() == 1;
}

}  // namespace ringfence::sandbox
