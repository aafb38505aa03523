#include "sandbox/kernel/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/kernel/abi.h"
#include "sandbox/plan/landlock_access.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {
namespace {

// A ruleset attribute as long as the running ABI knows it.
std::size_t attributeSize(std::uint32_t abiVersion) {
  if (abiVersion >= 6) return sizeof(abi::LandlockRulesetAttr);
  if (abiVersion >= 4) return offsetof(abi::LandlockRulesetAttr, scoped);
  return offsetof(abi::LandlockRulesetAttr, handledAccessNet);
}

Result<void> addRule(int ruleset, const LandlockRule& rule, std::uint64_t handled) {
  UniqueFd object(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  if (!object) {
    // Not there, or not for this identity: then there is nothing to grant.
    if (errno == ENOENT || errno == EACCES) return {};
    return posixError(errno, "opening " + rule.path + " for a Landlock rule");
  }
  struct stat status {};
  if (::fstat(object.get(), &status) != 0) return posixError(errno, "looking at " + rule.path);
  std::uint64_t access = rule.access & handled;
  if (!S_ISDIR(status.st_mode)) access &= kLandlockFileRights;
  if (access == 0) return {};
  const abi::LandlockPathBeneathAttr attribute{access, object.get()};
  if (::syscall(abi::kLandlockAddRule, ruleset, abi::kLandlockRulePathBeneath, &attribute, 0) != 0) {
    return posixError(errno, "adding a Landlock rule for " + rule.path);
  }
  return {};
}

Result<void> addLayer(const Landlock& landlock, const std::vector<LandlockRule>& rules) {
  const abi::LandlockRulesetAttr attribute{landlock.handledFs, landlock.handledNet, landlock.scoped};
  UniqueFd ruleset(
      static_cast<int>(::syscall(abi::kLandlockCreateRuleset, &attribute, attributeSize(landlock.abi), 0)));
  if (!ruleset) return posixError(errno, "making a Landlock ruleset");
  for (const auto& rule : rules) RF_TRY(addRule(ruleset.get(), rule, landlock.handledFs));
  if (::syscall(abi::kLandlockRestrictSelf, ruleset.get(), 0) != 0) {
    return posixError(errno, "entering a Landlock domain");
  }
  return {};
}

int openErrno(const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  return fd ? 0 : errno;
}

}  // namespace

CanaryErrnos probeCanaries() { return {openErrno(kInnerCanary), openErrno(kOuterCanary)}; }

Result<void> restrictByLandlock(const Landlock& landlock) {
  RF_TRY(addLayer(landlock, landlock.outer));
  return addLayer(landlock, landlock.inner);
}

}  // namespace ringfence::sandbox
