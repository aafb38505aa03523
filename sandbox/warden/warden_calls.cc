// One call from its receipt to its answer.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <cerrno>

#include "policy/triggers.h"
#include "sandbox/kernel/guarded_calls.h"
#include "sandbox/kernel/process_chain.h"
#include "sandbox/warden/deeds.h"
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

// Its number; where the end of the run tells who changed such a file, also the name of its process.
ProcessLink actorOf(int proc, const GuardedAction& action, int thread) {
  ProcessLink actor{.pid = thread, .name = {}};
  if (action.action.operation != policy::Operation::kWrite) return actor;
  if (!policy::obeyedBy(action.action.target) && !policy::obeyedBy(action.second)) return actor;
  auto status = readThreadStatus(proc, thread);
  if (status && status->process != thread) status = readThreadStatus(proc, status->process);
  if (status) actor.name = std::move(status->name);
  return actor;
}

}  // namespace

std::shared_ptr<const Rules> Warden::rules() const {
  const Lock lock(mutex_);
  return rules_;
}

// Only the leader comes here, and nobody takes the lead from it meanwhile: it is not busy with a call. Blocks. Nothing:
// its caller is gone already, or it is over.
std::optional<Warden::Received> Warden::receiveCall() {
  auto call = parts_.notifier->receive();
  Lock lock(mutex_);
  if (!call) return fail(std::move(call).error()), std::nullopt;
  if (!*call) {
    // Where nobody of the run is left there is nothing to wait for but the end.
    pollfd listener{parts_.listener, POLLIN, 0};
    const bool isLast = ::poll(&listener, 1, 0) == 1 && (listener.revents & POLLHUP) != 0;
    if (isLast) idle_.wait(lock, [this] { return stopping_; });
    return std::nullopt;
  }
  // The next warden finds it where it is.
  if (stopping_) return std::nullopt;
  return Received{.notification = **call, .slot = parts_.journal->take(**call)};
}

bool Warden::moreCame() const {
  pollfd listener{parts_.listener, POLLIN, 0};
  return ::poll(&listener, 1, 0) == 1 && (listener.revents & POLLIN) != 0;
}

void Warden::receiveMore() {
  while (moreCame()) {
    {
      const Lock lock(mutex_);
      if (!parts_.journal->hasRoom()) return;
    }
    const auto call = receiveCall();
    if (!call) return;
    const Lock lock(mutex_);
    received_.push_back(*call);
  }
}

// Locked.
void Warden::begin(Member& me, std::uint64_t call) {
  me.reading = call;
  me.since = coarse();
  armWatch();
}

void Warden::handle(Member& me, const Received& received) {
  const Caller caller(parts_.proc, *parts_.notifier, received.notification);
  std::int32_t& known = known_[static_cast<std::size_t>(caller.thread()) % known_.size()];
  bool seesWhatWeSee = false;
  std::shared_ptr<OpensAtOnce> opens;
  {
    const Lock lock(mutex_);
    begin(me, received.notification.id);
    seesWhatWeSee = known == caller.thread();
    opens = opens_;
  }
  const GuardedCall kind = guardedCallOf(received.notification.number);
  if (kind == GuardedCall::kExecve || kind == GuardedCall::kExecveat) {
    // What it turns out to run is compared with what was judged, whatever its path means for it.
    return judge(me, std::make_unique<Call>(received),
                 parts_.prepareExec ? parts_.prepareExec(caller, *rules()) : PreparedDeed(Errno{EACCES}));
  }
  if (!seesWhatWeSee) {
    // A path would mean something else for it, and everything of it would be judged by another name.
    if (!caller.seesWhatWeSee()) return judge(me, std::make_unique<Call>(received), Errno{EACCES});
    const Lock lock(mutex_);
    known = caller.thread();
  }
  auto copied = copyPathCall(caller);
  if (!copied) return judge(me, std::make_unique<Call>(received), copied.error());
  if (received.oldAsk == 0) {
    auto opened = opens->open(*copied);
    if (opened && give(me, received, copied->flags, {opens, std::move(*opened)})) return;
  }
  judge(me, std::make_unique<Call>(received), preparePathCall(caller, *std::move(copied)));
}

// What was pinned for it is no longer what is there.
void Warden::handleAgain(Member& me, OwnedCall call) {
  {
    const Lock lock(mutex_);
    parts_.journal->setReceived(call->slot);
    begin(me, call->id());
  }
  call->deed.reset();
  const Caller caller(parts_.proc, *parts_.notifier, call->notification);
  PreparedDeed prepared = preparePath(caller);
  judge(me, std::move(call), std::move(prepared));
}

// What was opened at once. False: nothing was done, and the call is still to be handled.
bool Warden::give(Member& me, const Received& received, std::uint64_t flags, Given given) {
  OpenedAtOnce& opened = given.opened;
  const std::uint64_t id = received.notification.id;
  const bool cuts = (flags & O_TRUNC) != 0;
  if (opened.error != 0) return answerAtOnce(me, received, opened.error), true;
  const auto& form = opened.allowed->entry;
  const std::string entry = form ? form->entry(received.notification.thread, bootTime()) : std::string();
  {
    const Lock lock(mutex_);
    const bool taken = me.reading == 0;
    // Whether its caller is still the one whose memory was read is known when the descriptor is given; a file is cut
    // before that.
    if (taken || (cuts && !parts_.notifier->isWaiting(id))) return parts_.journal->release(received.slot), true;
    if (given.by != opens_) return false;  // other rules meanwhile
    if (form) {
      const ActionRing::Put put = parts_.ring->put(entry);
      if (put == ActionRing::Put::kFull) return false;
      if (put == ActionRing::Put::kFirst) send(ActionsWaiting{});
    }
    me.reading = 0;
    if (cuts) parts_.journal->setPerforming(received.slot);
  }
  int error = opened.settle(flags);
  const CloseOnExec onExec = (flags & O_CLOEXEC) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
  const Handover handover = opened.handover();
  if (error == 0) error = parts_.notifier->inject(id, std::move(opened.file), onExec, handover);
  if (error != 0 && error != ENOENT) (void)parts_.notifier->answer(id, CallAnswer::failed(error));
  const Lock lock(mutex_);
  parts_.journal->release(received.slot);
  return true;
}

void Warden::answerAtOnce(Member& me, const Received& received, int error) {
  (void)parts_.notifier->answer(received.notification.id, CallAnswer::failed(error));
  const Lock lock(mutex_);
  me.reading = 0;
  parts_.journal->release(received.slot);
}

void Warden::judge(Member& me, OwnedCall call, PreparedDeed prepared) {
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

std::string Warden::entryOf(const Call& call, const Ruling& ruling) const {
  if (ruling.entry) return ruling.entry->entry(call.notification.thread, bootTime());
  AllowedAction entry{.rule = ruling.verdict.rule, .boottime = bootTime()};
  if (ruling.target < call.deed->targets().size()) entry.action.action = call.deed->targets()[ruling.target];
  entry.action.what = guardedCallName(guardedCallOf(call.notification.number));
  entry.action.second = call.deed->second();
  entry.action.chain.push_back(actorOf(parts_.proc, entry.action, call.notification.thread));
  return encodeEntry(entry);
}

void Warden::performAllowed(Member& me, OwnedCall call, const Ruling& ruling) {
  if (ruling.recorded) {
    const std::string bytes = entryOf(*call, ruling);
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
  bool leads = false;
  {
    const Lock lock(mutex_);
    const bool blocks = call->deed->blocking() != Blocking::kNo;
    // What was received already is heard of by nobody else.
    leads = call->deed->blocking() == Blocking::kBriefly && leader_ == &me && received_.empty() && call->ask == 0;
    if (blocks && !leads && !handOver(me))
      return send(Errand{.what = Errand::What::kPerform, .call = std::move(call), .answer = {}});
    if (blocks) me.since = {};
    if (leads) watchCalls(me, Calls::kHeardHere);
    if (call->deed->lasting() == Lasting::kChange) parts_.journal->setPerforming(call->slot);
  }
  Effect effect = leads ? performLeading(me, *call) : performNow(me, *call);
  finish(me, std::move(call), std::move(effect));
}

Effect Warden::performNow(Member& me, Call& call) {
  if (call.deed->blocking() != Blocking::kWaits) return call.deed->perform();
  for (;;) {
    {
      const Lock lock(mutex_);
      me.waitsFor = call.notification;
      armWatch();
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
    if ((call->corrected && !call->correction) || ++call->tries >= kMaxTries) {
      effect = Effect::failed(EEXIST);
    } else if (call->correction) {
      // Somebody made that file meanwhile, maybe another call with the same answer.
      const Rewrite correction = *call->correction;
      return performRewritten(me, std::move(call), correction);
    } else {
      return handleAgain(me, std::move(call));
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
