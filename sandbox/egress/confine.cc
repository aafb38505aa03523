#include "sandbox/egress/confine.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <string>

#include "sandbox/kernel/egress_filter.h"

namespace ringfence::sandbox {
namespace {

constexpr rlim_t kMaxDescriptors = 4096;  // three for each of kMaxConnections (outer.h), and some
constexpr rlim_t kMaxMemory = rlim_t{1} << 30;

Result<void> limit(int resource, rlim_t most, const char* what) {
  const rlimit value{most, most};
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &value) != 0)
    return posixError(errno, std::string("limiting ") + what);
  return {};
}

Result<void> limitResources() {
  RF_TRY(limit(RLIMIT_CORE, 0, "core files"));
  RF_TRY(limit(RLIMIT_NOFILE, kMaxDescriptors, "descriptors"));
#if !defined(__SANITIZE_ADDRESS__)
  RF_TRY(limit(RLIMIT_AS, kMaxMemory, "memory"));
#endif
  // Nobody of the same id may look into a process that knows the value of a credential.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return posixError(errno, "becoming undumpable");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return posixError(errno, "giving up new privileges");
  return {};
}

}  // namespace

Result<void> confineInner() {
  RF_TRY(limitResources());
  return filterInnerEgress();
}

Result<void> confineOuter() {
  RF_TRY(limitResources());
  return filterOuterEgress();
}

}  // namespace ringfence::sandbox
