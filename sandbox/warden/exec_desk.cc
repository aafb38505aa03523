#include "sandbox/warden/exec_desk.h"

#include <cerrno>
#include <string>

#include "sandbox/kernel/process_chain.h"
#include "sandbox/warden/exec_deed.h"

namespace ringfence::sandbox {
namespace {

GuardRule refusal(std::string why) { return {.text = "exec", .origin = {}, .why = std::move(why)}; }

Effect effectOf(const ExecOutcome& outcome) {
  using End = ExecOutcome::End;
  Effect effect{.kind = Effect::Kind::kAnswered, .error = outcome.error, .note = outcome.why};
  switch (outcome.end) {
    case End::kRan:
    case End::kFailed: break;
    case End::kAgain: effect.note = "interrupted, and made again by itself"; break;
    case End::kCorrected: effect.note = "the corrected command is started in its place"; break;
    case End::kGone:
      effect.error = ESRCH;
      effect.note = "its caller is gone";
      break;
    case End::kExchanged:
    case End::kUntraceable:
    case End::kNotCorrected:
      effect.error = EACCES;
      effect.denied = refusal(outcome.why);
      break;
  }
  return effect;
}

}  // namespace

PreparedDeed ExecDesk::prepare(const Caller& caller, const Rules& rules) {
  auto promise = promises_.claim(caller.notification());
  auto copy = copyExec(caller);
  if (!promise && copy && !hasRefused(caller.thread())) {
    if (const auto allowed = allowed_.find(*copy, rules))
      return PreparedDeed(std::make_unique<ExecDeed>(*this, againOf(*allowed, caller.notification(), *copy), allowed));
  }
  PreparedExec prepared = prepareExec(caller, std::move(promise), std::move(copy));
  if (auto* found = std::get_if<ExecCase>(&prepared)) {
    if (const auto error = refusalOf(*found)) return Errno{*error};
    return PreparedDeed(std::make_unique<ExecDeed>(*this, std::move(*found), ExecDeed::Work::kAdmit));
  }
  if (auto* broken = std::get_if<ExecBroken>(&prepared)) {
    ExecOutcome outcome = endExchanged(notifier_, proc_, caller.notification());
    return PreparedDeed(std::make_unique<RefusedExec>(std::move(broken->action), std::move(outcome.why)));
  }
  auto& refused = std::get<ExecRefusal>(prepared);
  if (!refused.why.empty())
    return PreparedDeed(std::make_unique<RefusedExec>(std::move(refused.action), std::move(refused.why)));
  if (refused.error == EFAULT && !ranOne_ && isLaunchedCommand(caller))
    return PreparedDeed(std::make_unique<LaunchedExec>(*this, caller.notification()));
  return Errno{refused.error};
}

bool ExecDesk::hasRefused(int thread) {
  const std::lock_guard lock(mutex_);
  return refusals_.contains(thread);
}

void ExecDesk::noteRefusal(const ExecCase& refused, int error) {
  const auto time = readStartTime(proc_, refused.call.thread);
  if (!time) return;
  const ExecObject& program = refused.program.chain.front();
  Refusal refusal{
      .startTime = *time, .device = program.device, .inode = program.inode, .argv = refused.copy.argv, .error = error};
  const std::lock_guard lock(mutex_);
  // What is forgotten is asked again.
  if (refusals_.size() >= kMaxRefusals) refusals_.clear();
  refusals_.insert_or_assign(refused.call.thread, std::move(refusal));
}

std::optional<int> ExecDesk::refusalOf(const ExecCase& again) {
  std::unique_lock lock(mutex_);
  const auto found = refusals_.find(again.call.thread);
  if (found == refusals_.end()) return std::nullopt;
  const ExecObject& program = again.program.chain.front();
  const Refusal& refusal = found->second;
  if (refusal.device == program.device && refusal.inode == program.inode && refusal.argv == again.copy.argv) {
    const auto time = readStartTime(proc_, again.call.thread);
    if (time && *time == refusal.startTime) return refusal.error;
  }
  refusals_.erase(found);
  return std::nullopt;
}

void ExecDesk::takeTurn(int process, Lead* lead) {
  std::unique_lock lock(mutex_);
  if (lead != nullptr && busy_.contains(process)) {
    lock.unlock();
    lead->leave();
    lock.lock();
  }
  turn_.wait(lock, [&] { return !busy_.contains(process); });
  busy_.insert(process);
}

Effect ExecDesk::perform(Job job, Lead* lead) {
  const Notification call = std::visit([](const auto& any) { return any.call; }, job);
  const int process = processOf(proc_, call.thread);
  takeTurn(process, lead);
  ExecGate gate(notifier_, Tracer::waiting(), proc_, promises_);
  auto* admission = std::get_if<ExecAdmission>(&job);
  // Who leads performs what no person was asked about.
  if (admission != nullptr && lead != nullptr) admission->told = Told::kNobody;
  if (admission != nullptr)
    gate.admit(std::move(*admission), process);
  else if (auto* correction = std::get_if<ExecCorrection>(&job))
    gate.correct(std::move(*correction));
  else
    gate.admitLaunched(call);
  const std::vector<ExecOutcome> outcomes = gate.finishAll();
  {
    const std::lock_guard lock(mutex_);
    busy_.erase(process);
  }
  turn_.notify_all();
  if (outcomes.empty()) return {.kind = Effect::Kind::kAnswered, .error = ESRCH, .note = "its caller is gone"};
  if (outcomes.front().end == ExecOutcome::End::kRan && !std::holds_alternative<Launched>(job)) ranOne_ = true;
  return effectOf(outcomes.front());
}

}  // namespace ringfence::sandbox
