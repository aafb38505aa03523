// Traces threads of other processes by ptrace(2) as far as an exec needs it: seize, wait for the stop at which the new
// program stands before its first instruction, let go. One thread makes a tracer and is the only one to use it, because
// a tracer is a thread; what that thread traces, and its children, are all that it hears of.
//
//   tracer.seize(thread);  …  while (auto stop = tracer.next()) { … tracer.release(stop->thread, stop->signal); }
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

struct TraceStop {
  enum class Kind {
    kExec,    // a new program, before its first instruction; the process has this one thread
    kTrap,    // on its way back from a call, because of interrupt() or a stop of its process
    kSignal,  // about to get `signal`
    kCall,    // before or after a call, because of resumeToCall()
    kEnded,   // gone, and no longer traced
  };
  Kind kind = Kind::kEnded;
  int thread = 0;
  int signal = 0;  // to be handed on by resume() or release(); 0: none
};

class Tracer {
 public:
  // Blocks SIGCHLD in the calling thread; every other thread of this process must have it blocked too, so make one
  // before there are any. Threads that are traced die with the calling thread.
  static Result<Tracer> create();
  // For a thread that traces one at a time and may wait: no fd(), and SIGCHLD does not matter.
  static Tracer waiting() { return Tracer(UniqueFd()); }
  // Readable when next() may have something.
  int fd() const { return signals_.get(); }

  // All return 0 or errno. ESRCH: the thread is gone or going, and kEnded tells of it where it was traced.
  // Never two threads of one process at once, while one of them is in execve(2): seize() waits for that exec, which
  // waits for the other traced thread's end to be seen here.
  int seize(int thread) const;
  // kTrap at the end of the call that it is in.
  int interrupt(int thread) const;
  // The others need a thread that stands in a stop.
  int resumeToCall(int thread) const;
  int release(int thread, int signal) const;
  // At kExec: its number before, as a thread that is not the first takes the number of the first. 0: not known.
  int formerOf(int thread) const;
  int blockSignals(int thread, std::uint64_t& before) const;
  int setBlockedSignals(int thread, std::uint64_t signals) const;
  // All of `bytes`, or EFAULT.
  int writeMemory(int thread, std::uint64_t address, const std::string& bytes) const;

  // The next that happened. Sees to it that no traced thread that ended stays behind.
  std::optional<TraceStop> next() const;
  // Waits for it. Nothing: nothing is traced.
  std::optional<TraceStop> wait() const;

 private:
  explicit Tracer(UniqueFd signals) : signals_(std::move(signals)) {}

  UniqueFd signals_;
};

}  // namespace ringfence::sandbox
