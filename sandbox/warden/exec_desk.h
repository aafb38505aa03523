// Execs as the warden's loop knows calls: deeds that are prepared on any thread, judged by the loop and performed here,
// on a thread of the desk's own, because a tracer is a thread and nothing may wait for it.
//
//   auto desk = RF_TRY(ExecDesk::start(notifier, proc));   // before there are other threads
//   parts.prepareExec = [&](const Caller& caller, const Rules& rules) { return desk->prepare(caller, rules); };
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "sandbox/warden/deed.h"
#include "sandbox/warden/exec_case.h"
#include "sandbox/warden/exec_gate.h"

namespace ringfence::sandbox {

class ExecDesk {
 public:
  // Blocks SIGCHLD in the calling thread, and so in those that it starts later. Borrows both.
  static Result<std::unique_ptr<ExecDesk>> start(SyscallNotifier& notifier, int proc);
  // Whoever is in an exec that nobody has verified yet dies.
  ~ExecDesk();
  ExecDesk(const ExecDesk&) = delete;
  ExecDesk& operator=(const ExecDesk&) = delete;

  // On any thread. May block as the caller's memory and file systems do.
  PreparedDeed prepare(const Caller& caller, const Rules& rules);

  struct Launched {
    Notification call;
  };
  using Job = std::variant<ExecAdmission, ExecCorrection, Launched>;
  // On any thread, without waiting; `done` is called on the desk's, once.
  void submit(std::uint64_t call, Job job, std::function<void(Effect)> done);

 private:
  explicit ExecDesk(UniqueFd wake) : wake_(std::move(wake)) {}
  void serve(SyscallNotifier& notifier, int proc, std::promise<Result<void>>& started);
  void begin();
  void tell(const ExecOutcome& outcome);

  struct Submitted {
    std::uint64_t call = 0;
    Job job;
    std::function<void(Effect)> done;
  };

  UniqueFd wake_;
  std::unique_ptr<ExecGate> gate_;  // made and used by the desk's thread; claim() and endExchanged() by any
  std::mutex mutex_;
  std::vector<Submitted> submitted_;
  std::map<std::uint64_t, std::function<void(Effect)>> done_;  // the desk's thread alone
  std::atomic<bool> ranOne_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace ringfence::sandbox
