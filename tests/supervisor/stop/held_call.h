// A process that waits in a call which was handed to a listener and taken by it: the one that nobody can stop at once.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstring>

namespace ringfence::test {

// Every getppid() of the caller goes to the listener returned; -1: errno.
inline int listenToGetppid() {
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{4, code};
  constexpr unsigned kWaitKillable = 1U << 5;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillable, &program));
}

// Never returns while nobody answers: a child asks, this process takes the call and tells nobody. `taken` counts.
inline void waitInTakenCall(std::atomic<std::uint64_t>& taken) {
  const int listener = listenToGetppid();
  if (listener < 0) _exit(1);
  if (fork() == 0) {
    (void)getppid();
    _exit(0);
  }
  seccomp_notif call{};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) _exit(1);
  ++taken;
}

}  // namespace ringfence::test
