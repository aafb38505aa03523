#include "sdk/base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace ringfence {

std::string_view errorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid: return "invalid";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kBusy: return "busy";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kUncertain: return "uncertain";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

Error Error::with(std::string_view context) && {
  message = std::string(context) + ": " + message;
  return std::move(*this);
}

namespace {

ErrorCode codeOf(int sysErrno) {
  switch (sysErrno) {
    case EINVAL:
    case ENAMETOOLONG:
    case E2BIG:
    case ELOOP:
    case ENOTDIR:
    case EISDIR: return ErrorCode::kInvalid;
    case EACCES:
    case EPERM:
    case EROFS: return ErrorCode::kDenied;
    case ENOENT:
    case ESRCH:
    case ENXIO: return ErrorCode::kNotFound;
    case EBUSY:
    case EAGAIN:
    case EINTR: return ErrorCode::kBusy;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENOPROTOOPT: return ErrorCode::kUnsupported;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case EDQUOT:
    case EPIPE:
    case ECONNREFUSED:
    case ECONNRESET: return ErrorCode::kUnavailable;
    default: return ErrorCode::kInternal;
  }
}

}  // namespace

Error posixError(int sysErrno, std::string_view context) {
  return Error{codeOf(sysErrno), std::string(context) + ": " + std::generic_category().message(sysErrno), sysErrno};
}

void checkFailed(const char* invariant, const char* file, int line) {
  std::fprintf(stderr, "ringfence: broken invariant: %s (%s:%d)\n", invariant, file, line);
  std::abort();
}

}  // namespace ringfence
