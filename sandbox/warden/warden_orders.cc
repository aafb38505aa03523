// What the daemon says, and what it is told.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sandbox/kernel/guarded_calls.h"
#include "sandbox/warden/deeds.h"
#include "sandbox/warden/warden_parts.h"
#include "sandbox/wire/long_message.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

Microseconds on(clockid_t clock) {
  timespec now{};
  (void)::clock_gettime(clock, &now);
  return std::chrono::duration_cast<Microseconds>(std::chrono::seconds(now.tv_sec) +
                                                  std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

// One clock each time: a call is answered in little more than it takes to read all three.
Microseconds Warden::monotonic() { return on(CLOCK_MONOTONIC); }
Microseconds Warden::bootTime() { return on(CLOCK_BOOTTIME); }

Warden::Warden(WardenParts parts) : parts_(std::move(parts)), known_(1024) {}
Warden::~Warden() = default;

// Locked, as everything here that does not lock by itself.
void Warden::fail(Error error) {
  if (!failure_) failure_ = std::move(error);
  stopping_ = true;
  idle_.notify_all();
  wakeLeader();
}

void Warden::greet(bool restarted) {
  send(GuardHello{.kind = GuardKind::kWarden, .pid = ::getpid(), .restarted = restarted});
}

void Warden::send(const GuardEvent& event) {
  auto bytes = encodeBounded(event);
  // Our own texts are bounded; one that is too long all the same is left out, and whoever waits for it waits.
  if (!bytes) return;
  outbox_.push_back(std::move(*bytes));
  // The oldest first. What is dropped were counts and outcomes: what somebody waits for is repeated on request.
  if (outbox_.size() > kMaxOutbox) outbox_.pop_front();
  flush();
}

void Warden::flush() {
  bool full = false;
  while (!outbox_.empty() && !full) {
    auto sent = sendPacket(parts_.pair.get(), outbox_.front(), {}, MSG_DONTWAIT | MSG_NOSIGNAL);
    full = !sent && sent.error().code == ErrorCode::kBusy;
    if (!sent && !full) return fail(std::move(sent).error());
    if (!full) outbox_.pop_front();
  }
  if (full == outboxFull_) return;
  outboxFull_ = full;
  epoll_event pair{.events = EPOLLIN | (full ? std::uint32_t{EPOLLOUT} : 0U), .data = {.fd = parts_.pair.get()}};
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, parts_.pair.get(), &pair);
}

void Warden::receiveOrders(Member& me) {
  for (;;) {
    auto packet = receivePacket(parts_.pair.get(), kMaxGuardPacket, MSG_DONTWAIT);
    Lock lock(mutex_);
    if (!packet && packet.error().code == ErrorCode::kBusy) return;
    if (!packet) return fail(std::move(packet).error());
    if (packet->bytes.empty() && packet->fds.empty()) {
      return fail({ErrorCode::kUnavailable, "the daemon's end of the pair is closed for good"});
    }
    auto order = decodeGuardOrder(*packet);
    if (!order) return fail(std::move(order).error());
    me.since = monotonic();
    armWatch();
    lock.unlock();
    std::visit([&](auto& each) { obey(me, std::move(each)); }, *order);
    lock.lock();
    me.since = {};
    if (leader_ != &me || stopping_) return;
  }
}

void Warden::obey(Member&, GuardRules rules) {
  {
    const Lock lock(mutex_);
    if (rules_ && rules.generation < rules_->generation()) return;
  }
  auto next = std::make_shared<const Rules>(std::move(rules));
  const Lock lock(mutex_);
  const bool first = !rules_;
  rules_ = next;
  send(RulesInForce{.generation = next->generation()});
  // What waits for an answer and may not be done at all any more need not be asked.
  for (auto each = held_.begin(); each != held_.end();) {
    Call& call = **each;
    if (call.waits != Call::Waits::kAnswer || call.deed->rule(*next).decision != policy::Decision::kForbid) {
      ++each;
      continue;
    }
    send(Withdraw{.ask = call.ask, .why = "the rules changed and forbid it"});
    (void)parts_.notifier->answer(call.id(), CallAnswer::failed(EACCES));
    parts_.journal->release(call.slot);
    each = held_.erase(each);
  }
  if (!first) return;
  epoll_event listener{.events = EPOLLIN, .data = {.fd = parts_.listener}};
  if (parts_.listener >= 0 && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, parts_.listener, &listener) != 0) {
    fail(posixError(errno, "watching the run's calls"));
  }
}

void Warden::obey(Member& me, Answer answer) {
  OwnedCall call;
  {
    const Lock lock(mutex_);
    call = takeHeld([&](const Call& each) { return each.waits == Call::Waits::kAnswer && each.ask == answer.ask; });
    if (!call) {
      const auto away = std::ranges::find(interrupted_, answer.ask, &Interrupted::ask);
      if (away != interrupted_.end()) {
        away->answer = std::move(answer);
      } else if (std::ranges::any_of(received_, [&](const OwnedCall& each) { return each->oldAsk == answer.ask; })) {
        early_[answer.ask] = std::move(answer);
      }
      return;
    }
  }
  apply(me, std::move(call), answer);
}

void Warden::obey(Member& me, Recorded recorded) {
  OwnedCall call;
  {
    const Lock lock(mutex_);
    call = takeHeld([&](const Call& each) {
      return each.waits == Call::Waits::kRecorded && each.record.ticket == recorded.ticket;
    });
  }
  if (!call) return;
  if (const int error = call->errorAfterwards; error != 0) return answerError(std::move(call), error);
  perform(me, std::move(call));
}

void Warden::obey(Member&, Repeat) {
  const Lock lock(mutex_);
  outbox_.clear();
  greet(false);
  for (const OwnedCall& call : held_) {
    if (call->waits == Call::Waits::kAnswer) send(call->question);
    if (call->waits == Call::Waits::kRecorded) send(call->record);
  }
  for (const Interrupted& away : interrupted_) {
    if (away.question.ask != 0) send(away.question);
  }
  if (!parts_.ring->empty()) send(ActionsWaiting{});
}

// Before anything else is received: what the warden before this one owed.
void Warden::recover() {
  for (const Journal::Left& left : parts_.journal->left()) recoverOne(left);
}

void Warden::recoverOne(const Journal::Left& left) {
  auto call = std::make_unique<Call>();
  call->notification = left.call;
  call->slot = left.slot;
  const bool waits = left.state != CallState::kInterrupted && parts_.notifier->isWaiting(left.call.id);
  if (left.state == CallState::kInterrupted) {
    const Lock lock(mutex_);
    interrupted_.push_back(
        {.thread = left.call.thread, .slot = left.slot, .ask = left.ask, .digest = left.digest, .since = monotonic()});
    return;
  }
  if (left.state == CallState::kPerforming) {
    const Lock lock(mutex_);
    if (left.ask != 0) send(Performed{.ask = left.ask, .sysErrno = EIO, .note = "it is not known whether it was done"});
    if (!waits) return parts_.journal->release(left.slot);
    // Nothing of it is looked at again: what is there now is what came of it, or is not.
    Record record{.kind = RecordKind::kOutcomeUnknown};
    record.action.what = guardedCallName(guardedCallOf(left.call.number));
    record.action.action.operation = policy::Operation::kWrite;
    const Caller caller(parts_.proc, *parts_.notifier, left.call);
    auto copied = copyPathCall(caller);
    if (copied)
      record.action.action = {.operation = policy::Operation::kWrite, .target = copied->path.text, .argv = {}};
    call->errorAfterwards = EIO;
    return holdUntilRecorded(std::move(call), std::move(record));
  }
  const Lock lock(mutex_);
  if (!waits) {
    if (left.state == CallState::kAsking) send(Withdraw{.ask = left.ask, .why = "its caller is gone"});
    return parts_.journal->release(left.slot);
  }
  if (left.state == CallState::kAsking) {
    call->oldAsk = left.ask;
    call->oldDigest = left.digest;
  }
  received_.push_back(std::move(call));
}

}  // namespace ringfence::sandbox
