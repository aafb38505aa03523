#include "sandbox/kernel/own_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace ringfence::sandbox {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr unsigned kArchitecture = AUDIT_ARCH_RISCV64;
#endif

constexpr unsigned kX32Bit = 0x40000000;

unsigned argumentOffset(int argument) {
  // The low half; these machines are little-endian.
  return static_cast<unsigned>(offsetof(seccomp_data, args)) + static_cast<unsigned>(argument) * 8;
}

}  // namespace

std::vector<sock_filter> filterOver(std::span<const OwnCall> calls) {
  const sock_filter number = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      number,
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  for (const OwnCall& call : calls) {
    const auto nr = static_cast<unsigned>(call.number);
    if (call.argument < 0) {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1));
      program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
      continue;
    }
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 5));
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argumentOffset(call.argument)));
    program.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call.mask));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.value, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    program.push_back(number);
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
  return program;
}

Result<void> confineTo(std::span<const OwnCall> calls) {
  std::vector<sock_filter> program = filterOver(calls);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) {
    return posixError(errno, "installing a filter over ourselves");
  }
  return {};
}

std::vector<OwnCall> wardenCalls(pid_t own) {
  const auto self = static_cast<unsigned>(own);
  constexpr unsigned kNoExecution = PROT_EXEC;
  constexpr unsigned kTrue = 0xffffffff;
  return {
      {SYS_ioctl, 1, kTrue, static_cast<unsigned>(SECCOMP_IOCTL_NOTIF_RECV)},
      {SYS_ioctl, 1, kTrue, static_cast<unsigned>(SECCOMP_IOCTL_NOTIF_SEND)},
      {SYS_ioctl, 1, kTrue, static_cast<unsigned>(SECCOMP_IOCTL_NOTIF_ID_VALID)},
      {SYS_ioctl, 1, kTrue, static_cast<unsigned>(SECCOMP_IOCTL_NOTIF_ADDFD)},
#ifdef SYS_epoll_wait
      {SYS_epoll_wait},
#endif
      {SYS_epoll_pwait},
      {SYS_epoll_create1},
      {SYS_epoll_ctl},
      {SYS_process_vm_readv},
      {SYS_openat2},
      {SYS_openat},
#ifdef SYS_open
      {SYS_open},
      {SYS_readlink},
      {SYS_chmod},
      {SYS_stat},
      {SYS_lstat},
      {SYS_unlink},
      {SYS_rename},
      {SYS_dup2},
      {SYS_poll},
      {SYS_time},
      {SYS_access},
#endif
      {SYS_close},
      {SYS_fstat},
      {SYS_newfstatat},
      {SYS_statx},
      {SYS_fstatfs},
      {SYS_statfs},
      {SYS_readlinkat},
      {SYS_futex},
      {SYS_read},
      {SYS_write},
      {SYS_pread64},
      {SYS_lseek},
      {SYS_fcntl},
      {SYS_dup},
      {SYS_dup3},
      {SYS_umask},
      {SYS_unlinkat},
      {SYS_mkdirat},
      {SYS_mknodat},
      {SYS_symlinkat},
      {SYS_linkat},
      {SYS_renameat2},
#ifdef SYS_renameat
      {SYS_renameat},
#endif

      {SYS_fchmodat},
      {SYS_fchmod},
      {SYS_fchownat},
      {SYS_utimensat},
      {SYS_setxattr},
      {SYS_removexattr},
      {SYS_truncate},
      {SYS_ftruncate},
      {SYS_getdents64},
      {SYS_fchdir},
      {SYS_faccessat},
      {SYS_unshare, 0, kTrue, CLONE_FS},
      {SYS_sendmsg},
      {SYS_recvfrom},
      {SYS_recvmsg},
      {SYS_memfd_create},
      {SYS_getrandom},
      {SYS_eventfd2},
      {SYS_timerfd_create},
      {SYS_timerfd_settime},
      {SYS_ppoll},
      {SYS_signalfd4},
      // Memory, never to be executed.
      {SYS_brk},
      {SYS_munmap},
      {SYS_mremap},
      {SYS_madvise},
      {SYS_mmap, 2, kNoExecution, 0},
      {SYS_mprotect, 2, kNoExecution, 0},
      // Threads, never processes: clone3 says its flags in memory, and libc does without it.
      {SYS_clone, 0, CLONE_THREAD, CLONE_THREAD},
      {SYS_set_robust_list},
      {SYS_rseq},
      {SYS_gettid},
      {SYS_getpid},
      {SYS_exit},
      {SYS_exit_group},
      {SYS_sched_yield},
      // How this thread runs, and no other's; it has no right to a real-time class.
      {SYS_sched_setscheduler, 0, kTrue, 0},
      {SYS_prctl},
      {SYS_tgkill, 0, kTrue, self},
      {SYS_tgkill, 2, kTrue, 0},  // whether a thread is there
      {SYS_rt_sigprocmask},
      {SYS_rt_sigaction},
      {SYS_rt_sigreturn},
      {SYS_sigaltstack},
      {SYS_restart_syscall},
      {SYS_clock_gettime},
      {SYS_clock_nanosleep},
      {SYS_nanosleep},
      {SYS_gettimeofday},
      {SYS_getuid},
      {SYS_geteuid},
      // Verification of an exec. Only over the run's own processes; what is not as judged is killed.
      {SYS_ptrace, 0, kTrue, PTRACE_SEIZE},
      {SYS_ptrace, 0, kTrue, PTRACE_INTERRUPT},
      {SYS_ptrace, 0, kTrue, PTRACE_SYSCALL},
      {SYS_ptrace, 0, kTrue, PTRACE_DETACH},
      {SYS_ptrace, 0, kTrue, PTRACE_CONT},
      {SYS_ptrace, 0, kTrue, PTRACE_LISTEN},
      {SYS_ptrace, 0, kTrue, PTRACE_GETEVENTMSG},
      {SYS_ptrace, 0, kTrue, PTRACE_GETREGSET},
      {SYS_ptrace, 0, kTrue, PTRACE_SETREGSET},
      {SYS_ptrace, 0, kTrue, PTRACE_PEEKTEXT},
      {SYS_ptrace, 0, kTrue, 0x420a},
      {SYS_ptrace, 0, kTrue, 0x420b},
      {SYS_process_vm_writev},
      {SYS_pidfd_open},
      {SYS_waitid},
      {SYS_wait4},
      {SYS_kill, 1, kTrue, SIGKILL},
      {SYS_pidfd_send_signal, 1, kTrue, SIGKILL},
  };
}

Result<void> confineWarden() { return confineTo(wardenCalls(::getpid())); }

}  // namespace ringfence::sandbox
