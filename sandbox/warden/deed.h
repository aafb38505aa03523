// What one call would do, prepared: everything that its caller could still change was copied or pinned as an object.
// Judged first, performed later and at most once.
//
//   auto deed = prepare(caller);          // errno when the call fails before anything is to be judged
//   judge each of (*deed)->targets();
//   Effect effect = (*deed)->perform();
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/kernel/notifier.h"
#include "sandbox/warden/caller.h"
#include "sandbox/warden/or_errno.h"
#include "sandbox/warden/rules.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

// How a call is to be answered.
struct Effect {
  enum class Kind {
    kReturn,    // `value`, or `error` when it is not 0
    kFd,        // `fd` is given to the caller, and its number returned
    kProceed,   // the kernel makes the call
    kAnswered,  // the deed answered; `error` and `note` are for whoever was asked about it
    kChanged,   // what was pinned is no longer what is there: prepare and judge it afresh
  };
  Kind kind = Kind::kReturn;
  std::int64_t value = 0;
  int error = 0;
  UniqueFd fd;
  CloseOnExec closeOnExec = CloseOnExec::kNo;
  Handover handover = Handover::kAtOnce;
  std::string note;  // for people
  // It was allowed, and was not done because of this: recorded as denied.
  std::optional<GuardRule> denied;

  static Effect failed(int error) { return {.error = error}; }
  // For the result of a libc call: -1 and errno.
  static Effect of(long result);
};

enum class Lasting {
  kNothing,  // performing it twice is the same as once: opening something for reading
  kChange,   // never performed twice
};
enum class Blocking {
  kNo,
  kMay,      // performed on a thread that others do not wait for
  kBriefly,  // performed with performLeading() by who leads, and stays in the lead unless other calls come
  kWaits,    // the same, and for another process: a signal may end it with EINTR before anything happened
};

// For a deed that is performed by who leads, where it would wait for longer than a moment.
class Lead {
 public:
  virtual ~Lead() = default;
  // Somebody else leads from now on, if anybody can.
  virtual void leave() = 0;
};

class Deed {
 public:
  virtual ~Deed() = default;
  // Over all that it touches; by default the strictest of targets().
  virtual Ruling rule(const Rules& rules) const { return rules.rule(targets_); }
  // Empty: nothing to judge, what is touched is the caller's alone.
  const std::vector<policy::Action>& targets() const { return targets_; }
  // Of two paths the other one, for people.
  const std::string& second() const { return second_; }
  // "DEV:INO" of what was pinned, or empty.
  virtual std::string object() const { return {}; }
  // What else the call was given, for people, and so that two calls that differ in it are never one question: the mode
  // of a chmod, where a link leads, what comes to the name that the question is about.
  virtual std::string detail(std::size_t target) const { return (void)target, std::string(); }
  // For a question or a record, without what follows from the call alone: its name, the chain, the directory.
  virtual GuardedAction describe(std::size_t target) const;
  virtual Lasting lasting() const { return Lasting::kChange; }
  virtual Blocking blocking() const { return Blocking::kNo; }
  virtual Reversibility reversible() const { return Reversibility::kIrreversible; }
  virtual Effect perform() = 0;
  virtual Effect performLeading(Lead& lead) { return (void)lead, perform(); }
  // A person said no, or nobody answered: `error` is what the caller gets.
  virtual void wasRefused(int error) { (void)error; }
  // Another deed in place of this one, for what a person or a rule puts there; `target` is the one of targets() that it
  // replaces. Its own targets are judged again, by the caller of this function.
  virtual OrErrno<std::unique_ptr<Deed>> rewritten(const Caller& caller, std::size_t target,
                                                   const Rewrite& rewrite) = 0;

 protected:
  std::vector<policy::Action> targets_;
  std::string second_;
};

using PreparedDeed = OrErrno<std::unique_ptr<Deed>>;

// For a call on paths or descriptors that `caller` waits in. EACCES for any other call.
PreparedDeed preparePath(const Caller& caller);

// For execve and execveat. On any thread, several at a time; may block as the caller's memory and file systems do.
using PrepareExec = std::function<PreparedDeed(const Caller& caller, const Rules& rules)>;

}  // namespace ringfence::sandbox
