// One run's warden: receives the calls that its filter notifies, judges what they would do, performs what is allowed,
// asks the daemon about the rest, and answers. Until the first rules came it receives nothing.
//
// One thread leads: it waits in the kernel for the next call and handles it itself. Before it does what may block, or
// when it is stuck, another thread takes the lead; so a call that blocks costs its own caller alone. The main thread
// keeps watch: it takes the daemon's orders, looks after calls that wait and threads that are stuck, and does nothing
// itself that may block: what is to be done with a call because of an order is an errand for the crew.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/kernel/notifier.h"
#include "sandbox/warden/deed.h"
#include "sandbox/warden/denials.h"
#include "sandbox/warden/journal.h"
#include "sandbox/warden/open_at_once.h"
#include "sandbox/warden/rules.h"
#include "sandbox/wire/action_ring.h"
#include "sandbox/wire/denial.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/clock.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxCrew = 64;              // threads beside the main one; at rest one or two
inline constexpr Milliseconds kWaitingPoll{20};          // how often waiting calls are looked at
inline constexpr Milliseconds kEndingPoll{2};            // how often it looks whether it may end
inline constexpr std::size_t kMaxLooks = 64;             // waiting calls looked at in one poll
inline constexpr Microseconds kComebackTime{5'000'000};  // an interrupted call comes again within it, or its ask ends
inline constexpr Microseconds kStuckTime{100'000};       // then somebody else leads
inline constexpr Microseconds kCopyDeadline{1'000'000};  // then a call whose memory cannot be read is refused
inline constexpr std::size_t kMaxOutbox = 4096;          // events that the daemon has not taken

struct WardenParts {
  UniqueFd pair;      // to the daemon
  UniqueFd end;       // readable when it is asked to end
  int listener = -1;  // to be asked whether more calls came; the notifier's
  SyscallNotifier* notifier = nullptr;
  Journal* journal = nullptr;
  ActionRing* ring = nullptr;
  int denials = -1;
  int proc = -1;
  PrepareExec prepareExec;
  bool restarted = false;
};

class Warden {
 public:
  explicit Warden(WardenParts parts);
  ~Warden();
  Warden(const Warden&) = delete;
  Warden& operator=(const Warden&) = delete;

  // Until the daemon's end of the pair is closed, something is wrong that another warden must begin with, or it is
  // asked to end: then what a person allowed and is being done is finished and told first, for as long as it is let.
  Result<void> run();

 private:
  struct Received;
  struct Call;
  using OwnedCall = std::unique_ptr<Call>;
  struct Errand;
  struct Member;
  struct Interrupted;
  struct Owed;
  using Lock = std::unique_lock<std::mutex>;
  // What says "locked" is called with mutex_ held, the others without.

  // The crew: crew.cc.
  void member(Member& me);
  void lead(Member& me);
  bool mayLead(Member& me, std::optional<Received>& next);
  bool handOver(Member& me);
  bool startMember();
  void send(Errand errand);
  void run(Member& me, Errand errand);
  static Microseconds monotonic();
  static Microseconds coarse();
  static Microseconds bootTime();

  // The main thread: watch.cc.
  Result<void> openWatch();
  void keepWatch();
  int timeout() const;
  bool isOver();
  void findStuck();
  void armWatch();
  void wakeWatch();
  enum class Calls { kHeardHere, kLeft };
  void watchCalls(Member& me, Calls calls);
  void relieveTracer();
  void interruptBlocked();

  // Messages: warden_orders.cc.
  void greet(bool restarted);
  void send(const GuardEvent& event);
  void flush();
  void fail(Error error);
  void receiveOrders();
  void obey(GuardRules rules);
  void obey(Answer answer);
  void obey(Recorded recorded);
  void obey(Repeat repeat);
  void obey(RunHeld) {}  // These are for an egress.
  void obey(DeferCalls) {}
  void recover();
  void recoverOne(const Journal::Left& left);

  // Calls: warden_calls.cc.
  std::optional<Received> receiveCall();
  bool moreCame() const;
  void receiveMore();
  void handle(Member& me, const Received& received);
  void handleAgain(Member& me, OwnedCall call);
  void begin(Member& me, std::uint64_t call);
  struct Given {
    std::shared_ptr<OpensAtOnce> by;
    OpenedAtOnce opened;
  };
  bool give(Member& me, const Received& received, std::uint64_t flags, Given given);
  void answerAtOnce(Member& me, const Received& received, int error);
  void judge(Member& me, OwnedCall call, PreparedDeed prepared);
  void decide(Member& me, OwnedCall call);
  void perform(Member& me, OwnedCall call);
  std::string entryOf(const Call& call, const Ruling& ruling) const;
  void performAllowed(Member& me, OwnedCall call, const Ruling& ruling);
  Effect performLeading(Member& me, Call& call);
  void performRewritten(Member& me, OwnedCall call, const Rewrite& rewrite);
  Effect performNow(Member& me, Call& call);
  void finish(Member& me, OwnedCall call, Effect effect);
  void reply(const Call& call, Effect& effect);
  void answerError(OwnedCall call, int error);

  // Calls that wait: warden_waiting.cc.
  void deny(Member& me, OwnedCall call, const Ruling& ruling);
  void ask(Member& me, OwnedCall call, const Ruling& ruling);
  void rewriteByRule(Member& me, OwnedCall call, const Ruling& ruling);
  void hold(OwnedCall call);
  OwnedCall takeHeld(const std::function<bool(const Call&)>& which);
  void holdUntilRecorded(OwnedCall call, Record record);
  void apply(Member& me, OwnedCall call, const Answer& answer);
  void tick();
  enum class Look { kWaits, kGone, kInterrupted };
  Look lookAt(const Notification& call) const;
  void lookAtHeld();
  void retryRoom();
  void leave(OwnedCall call, Look look);
  GuardedAction describe(const Call& call, std::size_t target) const;
  std::shared_ptr<const Rules> rules() const;

  WardenParts parts_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::list<std::unique_ptr<Member>> crew_;
  Member* leader_ = nullptr;
  std::size_t idleMembers_ = 0;
  bool stopping_ = false;
  bool ending_ = false;        // asked to end
  std::atomic<int> owed_ = 0;  // calls that a person allowed and whose outcome is not told yet
  std::optional<Error> failure_;
  UniqueFd epoll_;
  UniqueFd watchTimer_;
  UniqueFd handles_;  // our own /proc/self/fd
  std::atomic<bool> watchArmed_ = false;

  std::shared_ptr<const Rules> rules_;
  std::shared_ptr<OpensAtOnce> opens_;  // under those rules
  std::deque<Received> received_;
  std::deque<Errand> errands_;  // what waits for somebody of the crew
  std::list<OwnedCall> held_;
  std::list<Interrupted> interrupted_;
  // The questions of a warden that died, until they are asked again, with the answers that came before that.
  std::map<std::uint64_t, std::optional<Answer>> early_;
  DenialCounter denials_;
  std::deque<std::string> outbox_;
  bool outboxFull_ = false;
  std::uint64_t looks_ = 0;
  std::vector<std::int32_t> known_;  // threads whose namespace and root were looked at, by number
};

}  // namespace ringfence::sandbox
