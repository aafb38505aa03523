// Who leads, and who performs what may block.
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sandbox/warden/warden_parts.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kStack = 256 * 1024;
constexpr unsigned kAloneLook = 8;  // a power of two

bool spawn(pthread_t& thread, void* (*start)(void*), void* argument) {
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  (void)::pthread_attr_setstacksize(&attributes, kStack);
  (void)::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const bool started = ::pthread_create(&thread, &attributes, start, argument) == 0;
  (void)::pthread_attr_destroy(&attributes);
  return started;
}

}  // namespace

Result<void> Warden::run() {
  RF_TRY(openWatch());
  // Handles are named relative to it, here as in every other thread.
  if (::fchdir(handles_.get()) != 0) return posixError(errno, "entering the warden's own handles");
  struct sigaction wake {};
  wake.sa_handler = [](int) {};
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, kWakeSignal);
  if (::sigaction(kWakeSignal, &wake, nullptr) != 0 || ::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) {
    return posixError(errno, "preparing signals");
  }
  {
    const Lock lock(mutex_);
    greet(parts_.restarted);
  }
  recover();
  {
    const Lock lock(mutex_);
    if (!startMember()) return Error{ErrorCode::kUnavailable, "no thread can be started"};
  }
  keepWatch();
  const Lock lock(mutex_);
  if (failure_) return *failure_;
  return {};
}

void Warden::member(Member& me) {
  // Whoever takes a descriptor wakes us in the middle of its call. As a thread that interrupts nobody we wait until it
  // sleeps, which spares two changes of threads for each open; where the kernel says no, it has them.
  const sched_param none{};
  (void)::sched_setscheduler(0, SCHED_BATCH, &none);
  // A umask and a working directory of its own.
  if (::unshare(CLONE_FS) != 0 || ::fchdir(handles_.get()) != 0) {
    const Lock lock(mutex_);
    fail(posixError(errno, "preparing a thread of the warden"));
  }
  Lock lock(mutex_);
  while (!stopping_) {
    if (leader_ == nullptr && rules_) {
      leader_ = &me;
      lock.unlock();
      lead(me);
      lock.lock();
      continue;
    }
    if (!errands_.empty()) {
      Errand errand = std::move(errands_.front());
      errands_.pop_front();
      me.since = coarse();
      lock.unlock();
      run(me, std::move(errand));
      lock.lock();
      me.since = {};
      continue;
    }
    if (idleMembers_ >= 1) break;
    ++idleMembers_;
    idle_.wait(lock);
    --idleMembers_;
  }
  // What is over is ended by the main thread.
  if (!stopping_) std::erase_if(crew_, [&](const std::unique_ptr<Member>& each) { return each.get() == &me; });
}

void Warden::run(Member& me, Errand errand) {
  switch (errand.what) {
    case Errand::What::kDecide: return decide(me, std::move(errand.call));
    case Errand::What::kPerform: return perform(me, std::move(errand.call));
    case Errand::What::kApply: return apply(me, std::move(errand.call), errand.answer);
  }
}

// Locked. Where nobody can be started, whoever is free next takes it.
void Warden::send(Errand errand) {
  errands_.push_back(std::move(errand));
  if (idleMembers_ < errands_.size()) (void)startMember();
  idle_.notify_all();
}

bool Warden::startMember() {
  if (crew_.size() >= kMaxCrew) return false;
  struct Start {
    Warden* warden;
    Member* member;
    static void* go(void* self) {
      const std::unique_ptr<Start> start(static_cast<Start*>(self));
      start->warden->member(*start->member);
      return nullptr;
    }
  };
  auto member = std::make_unique<Member>();
  auto start = std::make_unique<Start>(Start{this, member.get()});
  crew_.push_back(std::move(member));
  if (!spawn(crew_.back()->thread, &Start::go, start.get())) {
    crew_.pop_back();
    return false;
  }
  (void)start.release();
  return true;
}

// Locked. False: nobody else can lead, so `me` must not block.
bool Warden::handOver(Member& me) {
  if (leader_ != &me) return true;
  if (idleMembers_ == 0 && !startMember()) return false;
  leader_ = nullptr;
  idle_.notify_all();
  return true;
}

// Nobody is woken to lead for it unless other calls come.
Effect Warden::performLeading(Member& me, Call& call) {
  class Mine final : public Lead {
   public:
    Mine(Warden& warden, Member& me) : warden_(warden), me_(me) {}
    void leave() override {
      const Lock lock(warden_.mutex_);
      (void)warden_.handOver(me_);
    }

   private:
    Warden& warden_;
    Member& me_;
  };
  Mine lead(*this, me);
  Effect effect = call.deed->performLeading(lead);
  const Lock lock(mutex_);
  if (leader_ == &me) watchCalls(me, Calls::kLeft);
  me.traces = false;
  return effect;
}

// Locks. False: somebody else leads now, or it is over. Sets `next` where a call was received already.
bool Warden::mayLead(Member& me, std::optional<Received>& next) {
  next.reset();
  Lock lock(mutex_);
  me.since = {};
  for (;;) {
    if (leader_ != &me || stopping_) return false;
    if (!received_.empty()) {
      next = received_.front();
      received_.pop_front();
      return true;
    }
    if (parts_.journal->hasRoom()) return true;
    (void)idle_.wait_for(lock, kWaitingPoll);
  }
}

void Warden::lead(Member& me) {
  std::optional<Received> next;
  for (unsigned alone = 0; mayLead(me, next);) {
    if (!next) {
      next = receiveCall();
      if (!next) continue;
      // All that came is received before the first is handled: what was received no signal can take back. Where calls
      // come one at a time, whether there are more is asked now and then.
      if (alone++ % kAloneLook == 0 && moreCame()) {
        alone = 0;
        {
          const Lock lock(mutex_);
          received_.push_back(*next);
        }
        receiveMore();
        continue;
      }
    }
    handle(me, *next);
  }
}

}  // namespace ringfence::sandbox
