#include "sandbox/kernel/egress_filter.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringfence::sandbox {

// Memory that is executable is made by nobody here. Only its own process may be signalled (abort).
std::vector<OwnCall> innerEgressCalls(pid_t own) {
  constexpr unsigned kNoExecution = PROT_EXEC;
  return {
      {SYS_sendmsg},
      {SYS_recvmsg},
      {SYS_recvfrom},
      {SYS_read},
      {SYS_write},
      {SYS_writev},
      {SYS_close},
      {SYS_fcntl},
      {SYS_socket, 0, 0xffffffff, AF_INET},
      {SYS_bind},
      {SYS_listen},
      {SYS_connect},
      {SYS_setsockopt},
      {SYS_getsockopt},
      {SYS_brk},
      {SYS_mmap, 2, kNoExecution, 0},
      {SYS_mprotect, 2, kNoExecution, 0},
      {SYS_munmap},
      {SYS_mremap},
      {SYS_madvise},
      {SYS_futex},
      {SYS_clock_gettime},
      {SYS_getpid},
      {SYS_gettid},
      {SYS_tgkill, 0, 0xffffffff, static_cast<unsigned>(own)},
      {SYS_rt_sigaction},
      {SYS_rt_sigprocmask},
      {SYS_rt_sigreturn},
      {SYS_restart_syscall},
      {SYS_exit},
      {SYS_exit_group},
  };
}

std::vector<OwnCall> outerEgressCalls(pid_t own) {
  std::vector<OwnCall> calls = innerEgressCalls(own);
  for (const OwnCall& call : std::vector<OwnCall>{
           {SYS_socket, 0, 0xffffffff, AF_INET6},
           {SYS_epoll_pwait},
#ifdef SYS_epoll_wait
           {SYS_epoll_wait},
#endif
           {SYS_epoll_ctl},
           {SYS_accept4},
           {SYS_shutdown},
           {SYS_sendto},
           {SYS_getsockname},
           {SYS_getpeername},
           {SYS_pread64},
           {SYS_fstat},
           {SYS_newfstatat},
           {SYS_lseek},
           {SYS_getrandom},
           {SYS_openat, 2, 0xffffffff, O_RDONLY | O_CLOEXEC},
       })
    calls.push_back(call);
  return calls;
}

Result<void> filterInnerEgress() { return confineTo(innerEgressCalls(::getpid())); }

Result<void> filterOuterEgress() { return confineTo(outerEgressCalls(::getpid())); }

}  // namespace ringfence::sandbox
