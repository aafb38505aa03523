// Namespaces of a run: the child that is born in them, the user namespace's maps, and the few things to set inside.
#pragma once

#include <cstdint>
#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

struct BornChild {
  int pid = 0;     // 0: this is the child
  UniqueFd pidfd;  // parent only
};
// Whose child it is: the caller's, or that of the caller's own parent.
enum class Parent { kCaller, kOfCaller };
// clone3 in pid, net, ipc and uts namespaces of its own (mount, cgroup and user namespaces are made by the child later:
// sources must be opened where the host's mounts are, and the control groups joined before). Only for a single-threaded
// caller. `cgroup`: a v2 directory to be born in, or -1. `namespaces` are left out: 0, but in test builds, which show
// that the missing wall is named.
Result<BornChild> forkWithout(std::uint64_t namespaces, int cgroup, Parent parent = Parent::kCaller);

// In those namespaces alone, for a process of ours that stands beside a run.
Result<BornChild> forkInto(std::uint64_t namespaces, int cgroup, Parent parent = Parent::kCaller);

Result<void> unshareCgroups();
// The last namespace to be made: everything made before stays out of reach of the capabilities held in it. `owner` is
// charged for what is counted over all namespaces; whoever has that id outside could enter it with every capability.
Result<void> unshareUser(std::uint32_t owner);
Result<void> enterNamespace(int fd, const char* name);
// Some of a process's namespaces at once; `pidfd` names it. Those that the host owns before the user namespace, which
// takes away the right to the others and gives every capability over what it owns.
Result<void> enterNamespacesOf(int pidfd, int kinds);

// Every id maps to itself. By the launcher, for a child that has just called unshareUser().
Result<void> writeIdentityMaps(int pid);

// Two ids that are exchanged; equal: every id is itself.
struct IdPair {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
};
std::string exchangeMap(IdPair pair);  // the text of uid_map

// A user namespace that nobody is in, for idmapped mounts: it lives as long as it is open. Made before its maps are
// known, because making one costs a fork.
class UserNamespace {
 public:
  static Result<UserNamespace> make();
  // Once.
  Result<void> map(IdPair users, IdPair groups);
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_, userMap_, groupMap_;
};

Result<void> bringLoopbackUp();
Result<void> setHostName(const std::string& name);

// Binds descriptors `keep…` away: closes everything from `first` on.
Result<void> closeFrom(unsigned first);
// From `first` up to and without `end`; nothing when there is nothing between.
Result<void> closeBetween(int first, int end);

Result<UniqueFd> openPidfd(int pid);
Result<void> signalPidfd(int pidfd, int signal);

}  // namespace ringfence::sandbox
