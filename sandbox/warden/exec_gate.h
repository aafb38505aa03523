// Lets an exec that was judged happen, and no other: execve(2) reads the caller's memory after we did, so what came of
// it is compared with what was judged before the new program runs one instruction, and killed where they differ. And
// makes a waiting exec another one: the caller makes the corrected call itself, in place of its own.
//
// The calling thread is seized, a stop at the end of its call is ordered, and the call may proceed. The first stop is
// then either at the new program (compared, released) or behind the call that failed (released). A thread that is
// seized dies with this one: what nobody verifies does not run.
//
// Ordering the stop wakes a caller that waits, on whatever processor is idle. Where nobody is told how the call fails
// it is ordered after the answer instead, which wakes it on this one; a call that fails in between is stopped a little
// later.
//
// One thread makes and uses a gate. Either nothing waits: take() after each admit() and correct(), and when fd() is
// readable. Or finishAll() does.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sandbox/kernel/notifier.h"
#include "sandbox/kernel/registers.h"
#include "sandbox/kernel/tracer.h"
#include "sandbox/warden/exec_expectation.h"
#include "sandbox/warden/exec_promises.h"

namespace ringfence::sandbox {

enum class Told { kNobody, kSomebody };

struct ExecAdmission {
  Notification call;
  Told told = Told::kSomebody;  // how it fails
  ExecCopy copy;
  ExecProgram program;
  std::optional<CallArguments> original;  // from the promise that this call kept
};

struct ExecCorrection {
  Notification call;
  ExecCopy corrected;  // absolute, or relative to the working directory
  std::vector<ExecIdentity> program;
};

struct ExecOutcome {
  enum class End {
    kRan,           // the program that was judged runs
    kFailed,        // the kernel refused: `error`, or 0 where it cannot be told
    kAgain,         // interrupted; the same call comes again and is promised
    kExchanged,     // not what was judged: killed before it ran
    kGone,          // the caller died, or nobody waits for the answer
    kUntraceable,   // refused with EACCES, because nobody could have verified it
    kCorrected,     // the corrected call comes and is promised; the original was not made
    kNotCorrected,  // refused with EACCES: there was no room for the corrected arguments
  };
  std::uint64_t call = 0;  // the notification's id
  int thread = 0;
  End end = End::kGone;
  int error = 0;
  std::string why;
};

// Ends the process of a call that broke its promise. Its call needs no answer any more.
ExecOutcome endExchanged(SyscallNotifier& notifier, int proc, const Notification& call);

class ExecGate {
 public:
  // `notifier` must give calls that only a kill ends while they wait (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).
  // `proc`: the launcher's /proc. Borrows all but the tracer.
  ExecGate(SyscallNotifier& notifier, Tracer tracer, int proc, ExecPromises& promises);

  int fd() const { return tracer_.fd(); }
  // Answers the call, now or when another exec of the same process is over.
  void admit(ExecAdmission admission);
  // The same, of a caller whose process is known.
  void admit(ExecAdmission admission, int process);
  void correct(ExecCorrection correction);
  // The exec of isLaunchedCommand() (exec_case.h), unverified: proceeds where this process may not trace its caller, as
  // nobody inside may. Where it may, the caller is another, and sees EACCES.
  void admitLaunched(const Notification& call);
  std::vector<ExecOutcome> take();
  // The same, waiting until no thread is traced any more.
  std::vector<ExecOutcome> finishAll();
  // Whether no thread is seized and no call waits for its turn.
  bool idle() const { return active_.empty(); }

 private:
  using Job = std::variant<ExecAdmission, ExecCorrection>;
  enum class Step {
    kRunning,   // its call proceeds
    kStopping,  // its call was taken back, to be corrected
    kEntering,  // it asks for memory to hold the corrected arguments
    kLeaving,
    kDone,  // nothing is wanted of it any more
  };
  // One for each process: see Tracer::seize().
  struct Active {
    Notification call;
    Step step = Step::kRunning;
    bool traced = false;
    bool stopsLater = false;  // the stop was ordered after the answer
    ExecCopy copy;            // as judged, or as corrected
    std::vector<ExecIdentity> program;
    std::optional<ExecExpectation> expectation;  // kRunning
    std::optional<CallArguments> original;
    std::optional<CallRegisters> registers;  // from kStopping on: as they were
    std::uint64_t address = 0;               // of the instruction that makes the call
    std::uint64_t signals = 0;               // that were blocked before
    std::deque<Job> waiting;
  };
  using Place = std::map<int, Active>::iterator;

  void submit(Job job, int process);
  // Whether the thread is traced now.
  bool begin(Active& active, Job job);
  Place find(const TraceStop& stop);
  void handle(const TraceStop& stop);
  void verify(Active& active, const TraceStop& stop);
  void settle(Active& active, const TraceStop& stop);
  void askForMemory(Active& active, const TraceStop& stop);
  void makeCorrected(Active& active, const TraceStop& stop);
  void refuse(Active& active, const TraceStop& stop);
  void advance(Active& active, const TraceStop& stop);
  void note(const Active& active, ExecOutcome::End end, int error = 0, std::string why = {});
  void release(Active& active, const TraceStop& stop);
  void finish(Place place);

  SyscallNotifier& notifier_;
  Tracer tracer_;
  int proc_;
  ExecPromises& promises_;
  std::map<int, Active> active_;  // by process
  std::vector<ExecOutcome> outcomes_;
};

}  // namespace ringfence::sandbox
