#include "sandbox/warden/exec_deed.h"

#include <cerrno>

namespace ringfence::sandbox {

ExecDeed::ExecDeed(ExecDesk& desk, ExecCase one, Work work) : desk_(desk), case_(std::move(one)), work_(work) {
  const ExecObject& program = case_.program.chain.front();
  const ArgumentsCut cut = case_.copy.argvCut ? ArgumentsCut::kYes : ArgumentsCut::kNo;
  targets_.push_back(
      {.operation = policy::Operation::kExec, .target = program.path, .argv = boundedArguments(program.argv, cut)});
  object_ = std::to_string(program.device) + ":" + std::to_string(program.inode);
}

ExecDeed::ExecDeed(ExecDesk& desk, ExecCase one, std::shared_ptr<const AllowedExec> before)
    : ExecDeed(desk, std::move(one), Work::kAdmit) {
  before_ = std::move(before);
}

Ruling ExecDeed::rule(const Rules& rules) const {
  if (before_ && before_->rules == rules.serial())
    return {.decision = policy::Decision::kAllow, .entry = {before_, &before_->entry}};
  Ruling ruling = case_.judge(rules);
  const bool allowed = ruling.decision == policy::Decision::kAllow && ruling.recorded;
  if (allowed && work_ == Work::kAdmit) desk_.allowed().keep(case_, rules, ruling, targets_.front());
  // What was put in place of something is not put aside again.
  if (work_ == Work::kCorrect && ruling.decision == policy::Decision::kRewrite)
    ruling.decision = policy::Decision::kAllow;
  return ruling;
}

Effect ExecDeed::perform() {
  if (work_ == Work::kCorrect) return desk_.perform(std::move(case_).correction());
  return desk_.perform(std::move(case_).admission());
}

Effect ExecDeed::performLeading(Lead& lead) {
  return work_ == Work::kCorrect ? perform() : desk_.perform(std::move(case_).admission(), &lead);
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

Effect LaunchedExec::perform() { return desk_.perform(ExecDesk::Launched{call_}); }

OrErrno<std::unique_ptr<Deed>> LaunchedExec::rewritten(const Caller&, std::size_t, const Rewrite&) {
  return Errno{EACCES};
}

}  // namespace ringfence::sandbox
