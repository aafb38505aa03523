// Errors that a caller can act on. A refusal by policy is a verdict, not an Error; a bug is RF_CHECK.
//
//   return Error{ErrorCode::kNotFound, "no run named coder"};
//   return posixError(errno, "opening /sys/fs/cgroup/a7");
#pragma once

#include <string>
#include <string_view>

namespace ringfence {

// What the caller can do about it; not where it came from.
enum class ErrorCode {
  kInvalid,      // the input is wrong: correct it
  kDenied,       // not permitted to this caller
  kNotFound,     // the object does not exist (or may not be seen)
  kBusy,         // try again later
  kUnsupported,  // this build or kernel cannot
  kUnavailable,  // a peer or resource is gone or full
  kUncertain,    // it may have happened: look before asking again
  kInternal,     // none of the above; the message says what happened
};

std::string_view errorCodeName(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  int sysErrno = 0;

  // Puts the object in front: "opening /x: permission denied" becomes "launch coder: opening /x: …".
  Error with(std::string_view context) &&;
};

// Message is "CONTEXT: TEXT-OF-ERRNO"; the code follows from errno (ENOENT → kNotFound, EACCES → kDenied, …).
Error posixError(int sysErrno, std::string_view context);

[[noreturn]] void checkFailed(const char* invariant, const char* file, int line);

}  // namespace ringfence

// A broken invariant of our own: says which and aborts. Never for input, peers or the kernel.
#define RF_CHECK(invariant)                                     \
  do {                                                          \
    if (!(invariant)) [[unlikely]]                              \
      ::ringfence::checkFailed(#invariant, __FILE__, __LINE__); \
  } while (false)
