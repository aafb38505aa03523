// What one call would do, prepared: everything that its caller could still change was copied or pinned as an object.
// Judged first, performed later and at most once.
//
//   auto deed = prepare(caller);          // errno when the call fails before anything is to be judged
//   judge each of (*deed)->targets();
//   Effect effect = (*deed)->perform();
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/kernel/notifier.h"
#include "sandbox/warden/caller.h"
#include "sandbox/warden/or_errno.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

// How a call is to be answered.
struct Effect {
  enum class Kind {
    kReturn,    // `value`, or `error` when it is not 0
    kFd,        // `fd` is given to the caller, and its number returned
    kProceed,   // the kernel makes the call
    kAnswered,  // the deed answered itself; `error` is told to whoever asked for it
    kChanged,   // what was pinned is no longer what is there: prepare and judge it afresh
  };
  Kind kind = Kind::kReturn;
  std::int64_t value = 0;
  int error = 0;
  UniqueFd fd;
  CloseOnExec closeOnExec = CloseOnExec::kNo;

  static Effect failed(int error) { return {.error = error}; }
  // For the result of a libc call: -1 and errno.
  static Effect of(long result);
};

enum class Lasting {
  kNothing,  // performing it twice is the same as once: opening something for reading
  kChange,   // never performed twice
};
enum class Blocking { kNo, kMay };

class Deed {
 public:
  virtual ~Deed() = default;
  // All must be allowed; the strictest counts. Empty: nothing to judge, what is touched is the caller's alone.
  const std::vector<policy::Action>& targets() const { return targets_; }
  // Of two paths the other one, for people.
  const std::string& second() const { return second_; }
  // "DEV:INO" of what was pinned, or empty.
  virtual std::string object() const { return {}; }
  virtual Lasting lasting() const { return Lasting::kChange; }
  // kMay: performed on a thread that others do not wait for.
  virtual Blocking blocking() const { return Blocking::kNo; }
  virtual Reversibility reversible() const { return Reversibility::kIrreversible; }
  virtual Effect perform() = 0;
  // Another deed in place of this one, for what a person or a rule puts there; `target` is the one of targets() that it
  // replaces. Its own targets are judged again, by the caller of this function.
  virtual OrErrno<std::unique_ptr<Deed>> rewritten(const Caller& caller, std::size_t target,
                                                   const Rewrite& rewrite) = 0;

 protected:
  std::vector<policy::Action> targets_;
  std::string second_;
};

using Prepared = OrErrno<std::unique_ptr<Deed>>;

// For the call that `caller` waits in. EACCES for a call that no warden performs.
Prepared prepare(const Caller& caller);

}  // namespace ringfence::sandbox
