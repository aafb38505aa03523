// Landlock: rulesets from the Plan's rules, each restriction a layer of its own on the calling thread.
#pragma once

#include <string>
#include <string_view>

#include "sandbox/plan/landlock_access.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

// Needs no_new_privs. Rules whose path does not exist grant nothing and are left out. Paths are looked up from "/".
// Rights on a file are cut to those that a file can carry.
Result<void> restrictByLandlock(const Landlock& landlock);

// What opening each canary of the Plan for reading gives: 0 or errno.
struct CanaryErrnos {
  int inner = -1;
  int outer = -1;
  int scope = 0;  // what ScopeCanary::tryFrom gave, by whoever had a probe
};
CanaryErrnos probeCanaries();

// A domain that holds what its members do to processes outside of it: signals, abstract sockets, looking at them and
// tracing them. Nothing about files, so they may still mount; nothing about ports, which its descendants could not be
// given back. ABI 6.
constexpr bool canScope(std::uint32_t abi) { return landlockScopesOf(abi) != 0; }
Result<void> enterScopeDomain(std::uint32_t abi);

// A socket with an abstract name that takes nothing, made outside of every such domain: who is in one cannot connect.
class ScopeCanary {
 public:
  static Result<ScopeCanary> make();
  const std::string& name() const { return name_; }

  // Of the network namespace that the canary is in; may be used from any other.
  static Result<UniqueFd> makeProbe();
  // 0 or errno. EPERM: the caller is in a domain that the canary is not in.
  static int tryFrom(int probe, std::string_view name);

 private:
  UniqueFd socket_;
  std::string name_;
};

}  // namespace ringfence::sandbox
