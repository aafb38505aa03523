// Calls that wait: for an answer, for a record, for room; and the signals that end a wait.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include "sandbox/kernel/guarded_calls.h"
#include "sandbox/kernel/process_chain.h"
#include "sandbox/warden/warden_parts.h"

namespace ringfence::sandbox {
namespace {

// Whether a signal for the whole process wakes this thread: the kernel picks the first thread if that takes it, and
// otherwise any that does. Said only where there is no doubt: a restart without a signal would be seen by the program.
bool isForThisThread(int proc, int thread, const ThreadStatus& status) {
  if ((status.pending & ~status.blocked & ~status.ignored) != 0) return true;
  const std::uint64_t shared = status.sharedPending & ~status.blocked & ~status.ignored;
  if (shared == 0) return false;
  if (status.process == thread) return true;
  const std::string tasks = std::to_string(status.process) + "/task";
  const int directory = ::openat(proc, tasks.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(directory), ::closedir);
  if (!list) return ::close(directory), false;
  while (const dirent* entry = ::readdir(list.get())) {
    const int other = std::atoi(entry->d_name);
    if (other <= 0 || other == thread) continue;
    const auto theirs = readThreadStatus(proc, other);
    if (theirs && (shared & ~theirs->blocked) != 0) return false;
  }
  return true;
}

}  // namespace

std::string textOf(const GuardedAction& action) {
  std::string text = action.what + '\0' + std::to_string(static_cast<int>(action.action.operation)) + '\0' +
                     action.action.target + '\0' + action.second + '\0' + action.object;
  for (const std::string& word : action.action.argv) text += '\0' + word;
  return text;
}

GuardedAction Warden::describe(const Call& call, std::size_t target) const {
  GuardedAction action = call.deed->describe(target);
  action.what = guardedCallName(guardedCallOf(call.notification.number));
  if (const std::string detail = call.deed->detail(target); !detail.empty()) action.what += " " + detail;
  action.chain = readProcessChain(parts_.proc, call.notification.thread);
  action.reversible = call.deed->reversible();
  if (action.cwd.empty()) {
    std::array<char, PATH_MAX> buffer;
    const std::string link = std::to_string(call.notification.thread) + "/cwd";
    const ssize_t length = ::readlinkat(parts_.proc, link.c_str(), buffer.data(), buffer.size());
    if (length > 0)
      action.cwd.assign(buffer.data(), std::min<std::size_t>(static_cast<std::size_t>(length), kMaxGuardText));
  }
  return action;
}

// Locked.
void Warden::hold(OwnedCall call) {
  held_.push_back(std::move(call));
  armWatch();
}

Warden::OwnedCall Warden::takeHeld(const std::function<bool(const Call&)>& which) {
  const auto found = std::ranges::find_if(held_, [&](const OwnedCall& each) { return which(*each); });
  if (found == held_.end()) return nullptr;
  OwnedCall call = std::move(*found);
  held_.erase(found);
  call->waits = Call::Waits::kNothing;
  return call;
}

// Locked.
void Warden::holdUntilRecorded(OwnedCall call, Record record) {
  record.ticket = parts_.journal->nextTicket();
  call->record = std::move(record);
  call->waits = Call::Waits::kRecorded;
  send(call->record);
  hold(std::move(call));
}

void Warden::deny(Member&, OwnedCall call, const Ruling& ruling) {
  const GuardRule rule = ruleOf(ruling.verdict);
  GuardedAction action = describe(*call, ruling.target);
  const std::string key =
      std::to_string(static_cast<int>(action.action.operation)) + " " + rule.text + " " + action.action.target;
  bool first = false;
  {
    const Lock lock(mutex_);
    first = denials_.note(key, action, rule, monotonic()) == DenialCounter::Seen::kFirst;
  }
  if (!first) return answerError(std::move(call), EACCES);
  tellAgent(parts_.denials, {action.action.operation, action.action.target, DenialOutcome::kForbidden, rule, {}});
  call->errorAfterwards = EACCES;
  const Lock lock(mutex_);
  if (call->oldAsk != 0) send(Withdraw{.ask = call->oldAsk, .why = "the rules forbid it now"});
  holdUntilRecorded(std::move(call), {.kind = RecordKind::kDenied, .action = std::move(action), .rule = rule});
}

void Warden::ask(Member& me, OwnedCall call, const Ruling& ruling) {
  call->question.action = describe(*call, ruling.target);
  call->question.rule = ruleOf(ruling.verdict);
  call->text = textOf(call->question.action);
  std::optional<Answer> answer;
  {
    const Lock lock(mutex_);
    const std::uint64_t digest = parts_.journal->digest(call->text);
    const auto away = std::ranges::find_if(interrupted_, [&](const Interrupted& each) {
      return each.thread == call->notification.thread &&
             (each.text.empty() ? each.digest == digest : each.text == call->text);
    });
    bool known = false;
    if (away != interrupted_.end()) {
      call->ask = away->ask;
      answer = std::move(away->answer);
      known = !away->text.empty();
      parts_.journal->setAsking(call->slot, call->ask, digest);
      parts_.journal->release(away->slot);
      interrupted_.erase(away);
    } else if (call->oldAsk != 0 && call->oldDigest == digest) {
      call->ask = call->oldAsk;
    } else {
      if (call->oldAsk != 0) send(Withdraw{.ask = call->oldAsk, .why = "its caller wants something else now"});
      call->ask = parts_.journal->nextAsk();
    }
    call->oldAsk = 0;
    if (const auto early = early_.find(call->ask); early != early_.end()) {
      answer = std::move(early->second);
      early_.erase(early);
    }
    call->question.ask = call->ask;
    parts_.journal->setAsking(call->slot, call->ask, digest);
    if (!answer) {
      if (!known) send(call->question);
      call->waits = Call::Waits::kAnswer;
      return hold(std::move(call));
    }
  }
  apply(me, std::move(call), *answer);
}

void Warden::apply(Member& me, OwnedCall call, const Answer& answer) {
  const Ruling now = call->deed->rule(*rules());
  const bool forbidden = now.decision == policy::Decision::kForbid;
  if (answer.outcome == Outcome::kAllowed && !forbidden) return perform(me, std::move(call));
  if (answer.outcome == Outcome::kRewritten && !forbidden) {
    return performRewritten(me, std::move(call), answer.rewrite);
  }
  DenialOutcome outcome = DenialOutcome::kDenied;
  if (answer.outcome == Outcome::kExpired) outcome = DenialOutcome::kExpired;
  if (answer.outcome == Outcome::kStopped) outcome = DenialOutcome::kStopped;
  if (forbidden) outcome = DenialOutcome::kForbidden;
  const policy::Action& asked = call->question.action.action;
  tellAgent(parts_.denials, {asked.operation, asked.target, outcome, call->question.rule, answer.say});
  // A person's no is EPERM; everything else is the policy's.
  const int error = outcome == DenialOutcome::kDenied ? EPERM : EACCES;
  call->deed->wasRefused(error);
  answerError(std::move(call), error);
}

// A person's correction, or a rule's that is recorded.
void Warden::performRewritten(Member& me, OwnedCall call, const Rewrite& rewrite) {
  const Caller caller(parts_.proc, *parts_.notifier, call->notification);
  PreparedDeed other = call->deed->rewritten(caller, call->target, rewrite);
  int error = other ? 0 : other.error().value;
  if (other && (*other)->rule(*rules()).decision == policy::Decision::kForbid) error = EACCES;
  if (error != 0) {
    if (call->ask != 0) {
      const Lock lock(mutex_);
      send(Performed{.ask = call->ask, .sysErrno = error, .note = "what it was corrected to cannot be done"});
    }
    return answerError(std::move(call), error);
  }
  call->deed = std::move(*other);
  call->corrected = true;
  call->correction = rewrite;
  perform(me, std::move(call));
}

void Warden::rewriteByRule(Member& me, OwnedCall call, const Ruling& ruling) {
  const Caller caller(parts_.proc, *parts_.notifier, call->notification);
  const Rewrite rewrite = rewriteOf(ruling.verdict);
  Record record{.kind = RecordKind::kRewritten,
                .action = describe(*call, ruling.target),
                .rule = ruleOf(ruling.verdict),
                .rewrite = rewrite};
  PreparedDeed other = call->deed->rewritten(caller, ruling.target, rewrite);
  if (!other) return answerError(std::move(call), other.error().value);
  Ruling there = (*other)->rule(*rules());
  if (there.decision != policy::Decision::kAllow) {
    there.decision = policy::Decision::kForbid;
    return deny(me, std::move(call), ruling);
  }
  call->deed = std::move(*other);
  call->corrected = true;
  call->errorAfterwards = 0;
  const Lock lock(mutex_);
  if (call->oldAsk != 0) send(Withdraw{.ask = call->oldAsk, .why = "a rule corrects it now"});
  call->oldAsk = 0;
  holdUntilRecorded(std::move(call), std::move(record));
}

Warden::Look Warden::lookAt(const Notification& call) const {
  if (!parts_.notifier->isWaiting(call.id)) return Look::kGone;
  const auto status = readThreadStatus(parts_.proc, call.thread);
  if (!status) return Look::kWaits;
  return isForThisThread(parts_.proc, call.thread, *status) ? Look::kInterrupted : Look::kWaits;
}

// Locked. The call is no longer held.
void Warden::leave(OwnedCall call, Look look) {
  if (look == Look::kInterrupted) {
    // What was refused, or may have been done already, is not begun once more.
    const int error = call->errorAfterwards;
    (void)parts_.notifier->answer(call->id(), error != 0 ? CallAnswer::failed(error) : CallAnswer::restarted());
  }
  if (call->waits != Call::Waits::kAnswer) return parts_.journal->release(call->slot);
  if (look == Look::kGone) {
    send(Withdraw{.ask = call->ask, .why = "its caller is gone"});
    return parts_.journal->release(call->slot);
  }
  parts_.journal->setInterrupted(call->slot);
  interrupted_.push_back({.thread = call->notification.thread,
                          .slot = call->slot,
                          .ask = call->ask,
                          .digest = 0,
                          .text = std::move(call->text),
                          .since = monotonic(),
                          .question = std::move(call->question)});
}

// Locked. A part of them each time, so that many that wait do not take all the time there is.
void Warden::lookAtHeld() {
  const std::size_t count = std::min(held_.size(), kMaxLooks);
  for (std::size_t i = 0; i < count && !held_.empty(); ++i) {
    OwnedCall call = std::move(held_.front());
    held_.pop_front();
    const Look look = lookAt(call->notification);
    if (look == Look::kWaits) {
      held_.push_back(std::move(call));
    } else {
      leave(std::move(call), look);
    }
  }
}

void Warden::retryRoom() {
  const Lock lock(mutex_);
  // Not before it is worth while, and not only when it is empty: while others write it never is.
  if (!parts_.ring->isHalfFree()) return;
  while (auto call = takeHeld([](const Call& each) { return each.waits == Call::Waits::kRoom; })) {
    send(Errand{.what = Errand::What::kDecide, .call = std::move(call), .answer = {}});
  }
}

void Warden::tick() {
  {
    const Lock lock(mutex_);
    const Microseconds now = monotonic();
    for (Record& record : denials_.due(now)) send(record);
    lookAtHeld();
    interruptBlocked();
    if (idleMembers_ < errands_.size()) (void)startMember();
    for (auto away = interrupted_.begin(); away != interrupted_.end();) {
      if (now - away->since < kComebackTime) {
        ++away;
        continue;
      }
      send(Withdraw{.ask = away->ask, .why = "a signal interrupted it"});
      parts_.journal->release(away->slot);
      away = interrupted_.erase(away);
    }
  }
  retryRoom();
}

}  // namespace ringfence::sandbox
