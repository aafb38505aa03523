// One call from its receipt to its answer.
#include <signal.h>
#include <sys/epoll.h>

#include <cerrno>

#include "sandbox/kernel/guarded_calls.h"
#include "sandbox/warden/warden_parts.h"

namespace ringfence::sandbox {
namespace {

constexpr unsigned kMaxTries = 8;  // what was pinned changed each time

// Lets the wake signal end what this thread waits for.
class Wakeable {
 public:
  Wakeable() { change(SIG_UNBLOCK); }
  ~Wakeable() { change(SIG_BLOCK); }
  Wakeable(const Wakeable&) = delete;
  Wakeable& operator=(const Wakeable&) = delete;

 private:
  static void change(int how) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, kWakeSignal);
    (void)::pthread_sigmask(how, &set, nullptr);
  }
};

}  // namespace

std::shared_ptr<const Rules> Warden::rules() const {
  const Lock lock(mutex_);
  return rules_;
}

// Only the leader comes here, and nobody takes the lead from it meanwhile: it is not busy with a call.
void Warden::receiveCall() {
  {
    const Lock lock(mutex_);
    if (!parts_.journal->hasRoom()) return;
  }
  auto call = parts_.notifier->receive();
  const Lock lock(mutex_);
  if (!call) return fail(std::move(call).error());
  if (!*call) return;
  auto owned = std::make_unique<Call>();
  owned->notification = **call;
  owned->slot = parts_.journal->take(**call);
  received_.push_back(std::move(owned));
}

void Warden::handleNext(Member& me) {
  OwnedCall call;
  {
    const Lock lock(mutex_);
    if (received_.empty() || !rules_) return;
    call = std::move(received_.front());
    received_.pop_front();
  }
  handle(me, std::move(call));
}

void Warden::handle(Member& me, OwnedCall call) {
  {
    const Lock lock(mutex_);
    me.reading = call->id();
    me.since = monotonic();
    armWatch();
  }
  PreparedDeed prepared = prepare(*call);
  {
    const Lock lock(mutex_);
    const bool taken = me.reading == 0;
    me.reading = 0;
    // Its arguments are those of another call if its caller is gone and the number is used again.
    if (taken || !parts_.notifier->isWaiting(call->id())) {
      if (call->oldAsk != 0) send(Withdraw{.ask = call->oldAsk, .why = "its caller is gone"});
      return parts_.journal->release(call->slot);
    }
  }
  if (!prepared) return answerError(std::move(call), prepared.error().value);
  call->deed = std::move(*prepared);
  decide(me, std::move(call));
}

PreparedDeed Warden::prepare(const Call& call) {
  const Caller caller(parts_.proc, *parts_.notifier, call.notification);
  const GuardedCall kind = guardedCallOf(call.notification.number);
  if (kind == GuardedCall::kExecve || kind == GuardedCall::kExecveat) {
    // What it turns out to run is compared with what was judged, whatever its path means for it.
    if (!parts_.prepareExec) return Errno{EACCES};
    return parts_.prepareExec(caller, *rules());
  }
  std::int32_t* known = nullptr;
  {
    const Lock lock(mutex_);
    known = &known_[static_cast<std::size_t>(call.notification.thread) % known_.size()];
    if (*known == call.notification.thread) known = nullptr;
  }
  if (known != nullptr) {
    // A path would mean something else for it, and everything of it would be judged by another name.
    if (!caller.seesWhatWeSee()) return Errno{EACCES};
    const Lock lock(mutex_);
    *known = call.notification.thread;
  }
  return preparePath(caller, rules());
}

void Warden::decide(Member& me, OwnedCall call) {
  const Ruling ruling = call->deed->rule(*rules());
  call->target = ruling.target;
  switch (ruling.decision) {
    case policy::Decision::kAllow: return performAllowed(me, std::move(call), ruling);
    case policy::Decision::kAsk: return ask(me, std::move(call), ruling);
    case policy::Decision::kRewrite: return rewriteByRule(me, std::move(call), ruling);
    case policy::Decision::kForbid: break;
  }
  deny(me, std::move(call), ruling);
}

void Warden::performAllowed(Member& me, OwnedCall call, const Ruling& ruling) {
  if (ruling.recorded) {
    AllowedAction entry{.rule = ruling.verdict.rule, .boottime = bootTime()};
    if (ruling.target < call->deed->targets().size()) entry.action.action = call->deed->targets()[ruling.target];
    entry.action.what = guardedCallName(guardedCallOf(call->notification.number));
    entry.action.second = call->deed->second();
    entry.action.chain.push_back({.pid = call->notification.thread, .name = {}});
    const std::string bytes = encodeEntry(entry);
    const Lock lock(mutex_);
    switch (parts_.ring->put(bytes)) {
      case ActionRing::Put::kDone: break;
      case ActionRing::Put::kFirst: send(ActionsWaiting{}); break;
      case ActionRing::Put::kFull: call->waits = Call::Waits::kRoom; return hold(std::move(call));
    }
  }
  if (call->oldAsk != 0) {
    const Lock lock(mutex_);
    send(Withdraw{.ask = call->oldAsk, .why = "the rules allow it now"});
    call->oldAsk = 0;
  }
  perform(me, std::move(call));
}

void Warden::perform(Member& me, OwnedCall call) {
  if (call->ask != 0 && !call->owed) call->owed = std::make_unique<Owed>(owed_);
  {
    const Lock lock(mutex_);
    const bool blocks = call->deed->blocking() != Blocking::kNo;
    if (blocks && !handOver(me)) return waitingForCrew_.push_back(std::move(call));
    if (blocks) me.since = {};
    if (call->deed->lasting() == Lasting::kChange) parts_.journal->setPerforming(call->slot);
  }
  Effect effect = performNow(me, *call);
  finish(me, std::move(call), std::move(effect));
}

Effect Warden::performNow(Member& me, Call& call) {
  if (call.deed->blocking() != Blocking::kWaits) return call.deed->perform();
  for (;;) {
    {
      const Lock lock(mutex_);
      me.waitsFor = call.notification;
      wakeLeader();
    }
    Effect effect;
    {
      const Wakeable wakeable;
      effect = call.deed->perform();
    }
    const Lock lock(mutex_);
    me.waitsFor.reset();
    if (effect.kind != Effect::Kind::kReturn || effect.error != EINTR) return effect;
    switch (lookAt(call.notification)) {
      case Look::kWaits: continue;
      case Look::kGone: return effect;
      case Look::kInterrupted: return Effect::failed(CallAnswer::kRestart);
    }
  }
}

void Warden::finish(Member& me, OwnedCall call, Effect effect) {
  if (effect.kind == Effect::Kind::kChanged) {
    if (call->corrected || ++call->tries >= kMaxTries) {
      effect = Effect::failed(EEXIST);
    } else {
      call->deed.reset();
      {
        const Lock lock(mutex_);
        parts_.journal->setReceived(call->slot);
      }
      return handle(me, std::move(call));
    }
  }
  reply(*call, effect);
  std::optional<Record> denied;
  if (effect.denied)
    denied = Record{.kind = RecordKind::kDenied, .action = describe(*call, call->target), .rule = *effect.denied};
  if (denied) {
    const policy::Action& action = denied->action.action;
    tellAgent(parts_.denials, {action.operation, action.target, DenialOutcome::kForbidden, denied->rule, {}});
  }
  const Lock lock(mutex_);
  if (denied) send(*denied);
  if (call->ask != 0) send(Performed{.ask = call->ask, .sysErrno = effect.error, .note = std::move(effect.note)});
  parts_.journal->release(call->slot);
}

void Warden::reply(const Call& call, Effect& effect) {
  SyscallNotifier& notifier = *parts_.notifier;
  switch (effect.kind) {
    case Effect::Kind::kAnswered:
    case Effect::Kind::kChanged: return;
    case Effect::Kind::kProceed: (void)notifier.answer(call.id(), CallAnswer::proceed()); return;
    case Effect::Kind::kReturn:
      (void)notifier.answer(call.id(),
                            effect.error != 0 ? CallAnswer::failed(effect.error) : CallAnswer::returned(effect.value));
      return;
    case Effect::Kind::kFd: break;
  }
  const int error = notifier.inject(call.id(), std::move(effect.fd), effect.closeOnExec, effect.handover);
  effect.error = error;
  // The caller has no room for it (EMFILE): that is its answer, and never that the kernel may try.
  if (error != 0 && error != ENOENT) (void)notifier.answer(call.id(), CallAnswer::failed(error));
}

void Warden::answerError(OwnedCall call, int error) {
  (void)parts_.notifier->answer(call->id(), CallAnswer::failed(error));
  const Lock lock(mutex_);
  if (call->oldAsk != 0) send(Withdraw{.ask = call->oldAsk, .why = "it cannot be done any more"});
  parts_.journal->release(call->slot);
}

}  // namespace ringfence::sandbox
