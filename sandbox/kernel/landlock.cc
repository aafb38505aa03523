#include "sandbox/kernel/landlock.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "sandbox/kernel/abi.h"

namespace ringfence::sandbox {
namespace {

// A ruleset attribute as long as the running ABI knows it.
std::size_t attributeSize(std::uint32_t abiVersion) {
  if (abiVersion >= 6) return sizeof(abi::LandlockRulesetAttr);
  if (abiVersion >= 4) return offsetof(abi::LandlockRulesetAttr, scoped);
  return offsetof(abi::LandlockRulesetAttr, handledAccessNet);
}

Result<UniqueFd> makeRuleset(const Landlock& landlock) {
  const abi::LandlockRulesetAttr attribute{landlock.handledFs, landlock.handledNet, landlock.scoped};
  UniqueFd ruleset(
      static_cast<int>(::syscall(abi::kLandlockCreateRuleset, &attribute, attributeSize(landlock.abi), 0)));
  if (!ruleset) return posixError(errno, "making a Landlock ruleset");
  return ruleset;
}

bool grant(int ruleset, int object, std::uint64_t access) {
  if (access == 0) return true;
  const abi::LandlockPathBeneathAttr attribute{access, object};
  return ::syscall(abi::kLandlockAddRule, ruleset, abi::kLandlockRulePathBeneath, &attribute, 0) == 0;
}

// The kernel refuses rights that only a directory can carry for anything else, so it need not be asked what the object
// is.
Result<void> addRule(int ruleset, int object, const LandlockRule& rule, std::uint64_t handled) {
  const std::uint64_t access = rule.access & handled;
  if (grant(ruleset, object, access)) return {};
  if (errno == EINVAL && grant(ruleset, object, access & kLandlockFileRights)) return {};
  return posixError(errno, "adding a Landlock rule for " + rule.path);
}

// Absent when it is not there, or not for this identity: then there is nothing to grant.
Result<UniqueFd> openObject(const std::string& path) {
  UniqueFd object(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!object && errno != ENOENT && errno != EACCES)
    return posixError(errno, "opening " + path + " for a Landlock rule");
  return object;
}

Result<void> enter(int ruleset) {
  if (::syscall(abi::kLandlockRestrictSelf, ruleset, 0) != 0) return posixError(errno, "entering a Landlock domain");
  return {};
}

int openErrno(const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  return fd ? 0 : errno;
}

}  // namespace

CanaryErrnos probeCanaries() { return {openErrno(kInnerCanary), openErrno(kOuterCanary)}; }

Result<void> enterScopeDomain(std::uint32_t abi) {
  Landlock scoped;
  scoped.abi = abi;
  scoped.scoped = landlockScopesOf(abi);
  const UniqueFd ruleset = RF_TRY(makeRuleset(scoped));
  return enter(ruleset.get());
}

Result<ScopeCanary> ScopeCanary::make() {
  ScopeCanary canary;
  canary.socket_ = RF_TRY(makeProbe());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t size = sizeof address;
  // Without a name the kernel finds a free one.
  if (::bind(canary.socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address.sun_family) != 0 ||
      ::getsockname(canary.socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::shutdown(canary.socket_.get(), SHUT_RD) != 0)
    return posixError(errno, "making a socket that no guard may reach");
  canary.name_.assign(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1);
  return canary;
}

Result<UniqueFd> ScopeCanary::makeProbe() {
  UniqueFd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe) return posixError(errno, "making a socket");
  return probe;
}

int ScopeCanary::tryFrom(int probe, std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return ::connect(probe, reinterpret_cast<const sockaddr*>(&address), size) == 0 ? 0 : errno;
}

// Both layers have nearly the same rules: what both name is opened once.
Result<void> restrictByLandlock(const Landlock& landlock) {
  const UniqueFd outer = RF_TRY(makeRuleset(landlock));
  const UniqueFd inner = RF_TRY(makeRuleset(landlock));
  for (std::size_t i = 0; i < std::max(landlock.outer.size(), landlock.inner.size()); ++i) {
    const LandlockRule* first = i < landlock.outer.size() ? &landlock.outer[i] : nullptr;
    const LandlockRule* second = i < landlock.inner.size() ? &landlock.inner[i] : nullptr;
    UniqueFd object;
    if (first != nullptr) object = RF_TRY(openObject(first->path));
    if (object) RF_TRY(addRule(outer.get(), object.get(), *first, landlock.handledFs));
    if (second == nullptr) continue;
    if (first == nullptr || first->path != second->path) object = RF_TRY(openObject(second->path));
    if (object) RF_TRY(addRule(inner.get(), object.get(), *second, landlock.handledFs));
  }
  RF_TRY(enter(outer.get()));
  return enter(inner.get());
}

}  // namespace ringfence::sandbox
