#include "sandbox/warden/exec_deed.h"

#include <cerrno>

namespace ringfence::sandbox {

ExecDeed::ExecDeed(ExecDesk& desk, ExecCase one, Work work) : desk_(desk), case_(std::move(one)), work_(work) {
  policy::Action shown = case_.forms.front().action;
  shown.argv = boundedArguments(shown.argv, case_.copy.argvCut ? ArgumentsCut::kYes : ArgumentsCut::kNo);
  targets_.push_back(std::move(shown));
  const ExecObject& program = case_.program.chain.front();
  object_ = std::to_string(program.device) + ":" + std::to_string(program.inode);
}

Ruling ExecDeed::rule(const Rules& rules) const {
  Ruling ruling = case_.judge(rules);
  // What was put in place of something is not put aside again.
  if (work_ == Work::kCorrect && ruling.decision == policy::Decision::kRewrite)
    ruling.decision = policy::Decision::kAllow;
  return ruling;
}

Effect ExecDeed::perform() {
  const std::uint64_t call = case_.call.id;
  if (work_ == Work::kCorrect)
    desk_.submit(call, std::move(case_).correction(), std::move(done_));
  else
    desk_.submit(call, std::move(case_).admission(), std::move(done_));
  return {.kind = Effect::Kind::kLater};
}

OrErrno<std::unique_ptr<Deed>> ExecDeed::rewritten(const Caller& caller, std::size_t, const Rewrite& rewrite) {
  auto corrected = correctExec(caller, case_, rewrite);
  if (!corrected) return Errno{corrected.error().sysErrno != 0 ? corrected.error().sysErrno : EACCES};
  return std::unique_ptr<Deed>(std::make_unique<ExecDeed>(desk_, std::move(*corrected), Work::kCorrect));
}

RefusedExec::RefusedExec(policy::Action action, std::string why) : why_(std::move(why)) {
  action.operation = policy::Operation::kExec;
  action.argv = boundedArguments(action.argv, ArgumentsCut::kNo);
  targets_.push_back(std::move(action));
}

Ruling RefusedExec::rule(const Rules&) const {
  Ruling ruling{.decision = policy::Decision::kForbid};
  ruling.verdict.rule = "exec";
  ruling.verdict.why = why_;
  return ruling;
}

Ruling LaunchedExec::rule(const Rules&) const { return {.decision = policy::Decision::kAllow, .recorded = false}; }

Effect LaunchedExec::perform() {
  desk_.submit(call_.id, ExecDesk::Launched{call_}, std::move(done_));
  return {.kind = Effect::Kind::kLater};
}

OrErrno<std::unique_ptr<Deed>> LaunchedExec::rewritten(const Caller&, std::size_t, const Rewrite&) {
  return Errno{EACCES};
}

}  // namespace ringfence::sandbox
