// Execs as the warden's loop knows calls: deeds that are prepared and performed on any thread. A thread that performs
// one traces its caller until the exec is over, because a tracer is a thread.
//
//   ExecDesk desk(notifier, proc);
//   parts.prepareExec = [&](const Caller& caller, const Rules& rules) { return desk.prepare(caller, rules); };
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "sandbox/warden/allowed_execs.h"
#include "sandbox/warden/deed.h"
#include "sandbox/warden/exec_case.h"
#include "sandbox/warden/exec_gate.h"

namespace ringfence::sandbox {

class ExecDesk {
 public:
  // Borrows both.
  ExecDesk(SyscallNotifier& notifier, int proc) : notifier_(notifier), proc_(proc), promises_(proc) {}

  // May block as the caller's memory and file systems do.
  PreparedDeed prepare(const Caller& caller, const Rules& rules);

  struct Launched {
    Notification call;
  };
  using Job = std::variant<ExecAdmission, ExecCorrection, Launched>;
  // The same thread trying the same program with the same arguments again is searching a PATH, where one program has
  // several names: it gets the same answer and nobody is asked once more. Until it executes something else.
  void noteRefusal(const ExecCase& refused, int error);
  AllowedExecs& allowed() { return allowed_; }
  // Answers the call and waits until it is known what came of it.
  Effect perform(Job job, Lead* lead = nullptr);

 private:
  SyscallNotifier& notifier_;
  int proc_;
  ExecPromises promises_;
  AllowedExecs allowed_;
  std::atomic<bool> ranOne_ = false;  // a verified one: the command of the launch has long been started

  void takeTurn(int process, Lead* lead);
  // One exec of a process at a time: see Tracer::seize().
  std::mutex mutex_;
  std::condition_variable turn_;
  std::set<int> busy_;

  struct Refusal {
    std::uint64_t startTime = 0;
    dev_t device = 0;
    ino_t inode = 0;
    std::vector<std::string> argv;
    int error = 0;
  };
  bool hasRefused(int thread);
  std::optional<int> refusalOf(const ExecCase& again);
  static constexpr std::size_t kMaxRefusals = 64;
  std::map<int, Refusal> refusals_;  // by thread; locked
};

}  // namespace ringfence::sandbox
