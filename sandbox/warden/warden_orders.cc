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
// To within a few milliseconds, at a fraction of the price.
Microseconds Warden::coarse() { return on(CLOCK_MONOTONIC_COARSE); }
Microseconds Warden::bootTime() { return on(CLOCK_BOOTTIME); }

Warden::Warden(WardenParts parts) : parts_(std::move(parts)), known_(1024) {}
Warden::~Warden() = default;

// Locked, as everything here that does not lock by itself.
void Warden::fail(Error error) {
  if (!failure_) failure_ = std::move(error);
  stopping_ = true;
  idle_.notify_all();
  wakeWatch();
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

void Warden::receiveOrders() {
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
    lock.unlock();
    std::visit([&](auto& each) { obey(std::move(each)); }, *order);
    lock.lock();
    if (stopping_) return;
  }
}

void Warden::obey(GuardRules rules) {
  {
    const Lock lock(mutex_);
    if (rules_ && rules.generation < rules_->generation()) return;
  }
  auto next = std::make_shared<const Rules>(std::move(rules));
  auto opens = std::make_shared<OpensAtOnce>(next);
  const Lock lock(mutex_);
  rules_ = next;
  opens_ = std::move(opens);
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
  // After the first ones somebody takes the lead.
  idle_.notify_all();
}

void Warden::obey(Answer answer) {
  const Lock lock(mutex_);
  auto call = takeHeld([&](const Call& each) { return each.waits == Call::Waits::kAnswer && each.ask == answer.ask; });
  if (call) {
    // From here on its outcome is owed.
    if (answer.outcome == Outcome::kAllowed || answer.outcome == Outcome::kRewritten) {
      call->owed = std::make_unique<Owed>(owed_);
    }
    return send(Errand{.what = Errand::What::kApply, .call = std::move(call), .answer = std::move(answer)});
  }
  const auto away = std::ranges::find(interrupted_, answer.ask, &Interrupted::ask);
  if (away != interrupted_.end()) {
    away->answer = std::move(answer);
  } else if (const auto early = early_.find(answer.ask); early != early_.end()) {
    early->second = std::move(answer);
  }
}

void Warden::obey(Recorded recorded) {
  OwnedCall call;
  {
    const Lock lock(mutex_);
    call = takeHeld([&](const Call& each) {
      return each.waits == Call::Waits::kRecorded && each.record.ticket == recorded.ticket;
    });
    if (!call) return;
    if (call->errorAfterwards == 0) {
      return send(Errand{.what = Errand::What::kPerform, .call = std::move(call), .answer = {}});
    }
  }
  const int error = call->errorAfterwards;
  answerError(std::move(call), error);
}

void Warden::obey(Repeat) {
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
  Received received{.notification = left.call, .slot = left.slot};
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
    auto call = std::make_unique<Call>(received);
    call->errorAfterwards = EIO;
    return holdUntilRecorded(std::move(call), std::move(record));
  }
  const Lock lock(mutex_);
  if (!waits) {
    if (left.state == CallState::kAsking) send(Withdraw{.ask = left.ask, .why = "its caller is gone"});
    return parts_.journal->release(left.slot);
  }
  if (left.state == CallState::kAsking) {
    received.oldAsk = left.ask;
    received.oldDigest = left.digest;
    early_.try_emplace(left.ask);
  }
  received_.push_back(received);
}

}  // namespace ringfence::sandbox
