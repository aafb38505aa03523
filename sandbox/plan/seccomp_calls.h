// Names of system calls, by what the default table does with them whatever their arguments. A name that an architecture
// lacks is left out there; a call that is nowhere here is ENOSYS: io_uring_*, clone3, openat2, the *xattrat and
// file_*attr calls, statmount and whatever a later kernel adds.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringfence::sandbox {

inline constexpr std::string_view kAllowedCalls[] = {
    // Files by descriptor.
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "close",
    "close_range", "dup", "dup2", "dup3", "fcntl", "flock", "lseek", "fsync", "fdatasync", "sync", "syncfs",
    "sync_file_range", "fallocate", "ftruncate", "fadvise64", "readahead", "copy_file_range", "sendfile", "splice",
    "tee", "pipe", "pipe2", "fstat", "fstatfs", "getdents", "getdents64", "fchdir", "fchown", "cachestat",
    // Files by path.
    "stat", "lstat", "newfstatat", "statx", "statfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
    "getcwd", "chdir", "truncate", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
    "unlink", "unlinkat", "rmdir", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat", "utimensat", "umask",
    "setxattr", "lsetxattr", "fsetxattr", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
    "removexattr", "lremovexattr", "fremovexattr", "inotify_init", "inotify_init1", "inotify_add_watch",
    "inotify_rm_watch",
    // Waiting.
    "select", "pselect6", "poll", "ppoll", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "timerfd_settime",
    "timerfd_gettime", "io_setup", "io_destroy", "io_getevents", "io_submit", "io_cancel", "io_pgetevents",
    // Memory.
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock", "mlock2", "munlock",
    "mlockall", "munlockall", "remap_file_pages", "pkey_alloc", "pkey_free", "pkey_mprotect", "membarrier",
    "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node", "mbind", "mseal", "map_shadow_stack",
    "process_mrelease",
    // Processes and threads.
    "fork", "vfork", "execve", "exit", "exit_group", "wait4", "waitid", "kill", "tkill", "tgkill", "pidfd_open",
    "pidfd_send_signal", "getpid", "getppid", "gettid", "getpgid", "getpgrp", "setpgid", "getsid", "setsid",
    "set_tid_address", "set_robust_list", "get_robust_list", "rseq", "futex", "futex_waitv", "futex_wake", "futex_wait",
    "futex_requeue", "arch_prctl", "restart_syscall", "getcpu", "riscv_flush_icache", "riscv_hwprobe",
    // Signals.
    "rt_sigaction", "rt_sigprocmask", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend", "rt_sigreturn",
    "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sigaltstack", "pause", "alarm",
    // Time.
    "time", "gettimeofday", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "getitimer", "setitimer",
    "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "times",
    // Identity: without a capability these change nothing but what the caller already is.
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "setuid", "setgid", "setreuid",
    "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capget", "capset",
    // Limits and scheduling.
    "getrlimit", "setrlimit", "getrusage", "getpriority", "setpriority", "ioprio_get", "ioprio_set", "sched_yield",
    "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_setparam", "sched_getscheduler", "sched_getattr",
    "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval",
    // The machine, as far as a run sees it.
    "uname", "sysinfo", "getrandom",
    // Sockets; which ones exist is decided at socket(2).
    "bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "shutdown", "recvfrom", "recvmsg", "recvmmsg",
    // Of the run's own ipc namespace.
    "shmget", "shmat", "shmdt", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv",
    "msgctl", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
    // A program may confine itself further.
    "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"};

// Refused with EPERM rather than ENOSYS, so that a program says why.
inline constexpr std::string_view kRefusedCalls[] = {"unshare",
                                                     "setns",
                                                     "mount",
                                                     "umount2",
                                                     "pivot_root",
                                                     "chroot",
                                                     "fsopen",
                                                     "fsconfig",
                                                     "fsmount",
                                                     "fspick",
                                                     "move_mount",
                                                     "open_tree",
                                                     "mount_setattr",
                                                     "name_to_handle_at",
                                                     "open_by_handle_at",
                                                     "bpf",
                                                     "perf_event_open",
                                                     "userfaultfd",
                                                     "keyctl",
                                                     "add_key",
                                                     "request_key",
                                                     "ptrace",
                                                     "process_vm_readv",
                                                     "process_vm_writev",
                                                     "process_madvise",
                                                     "pidfd_getfd",
                                                     "kcmp",
                                                     "kexec_load",
                                                     "kexec_file_load",
                                                     "init_module",
                                                     "finit_module",
                                                     "delete_module",
                                                     "create_module",
                                                     "query_module",
                                                     "get_kernel_syms",
                                                     "swapon",
                                                     "swapoff",
                                                     "acct",
                                                     "reboot",
                                                     "settimeofday",
                                                     "clock_settime",
                                                     "adjtimex",
                                                     "clock_adjtime",
                                                     "iopl",
                                                     "ioperm",
                                                     "modify_ldt",
                                                     "quotactl",
                                                     "quotactl_fd",
                                                     "fanotify_init",
                                                     "fanotify_mark",
                                                     "lookup_dcookie",
                                                     "syslog",
                                                     "vmsplice",
                                                     "memfd_secret",
                                                     "move_pages",
                                                     "migrate_pages",
                                                     "sched_setattr",
                                                     "sethostname",
                                                     "setdomainname",
                                                     "vhangup",
                                                     "nfsservctl",
                                                     "sysfs",
                                                     "_sysctl",
                                                     "uselib",
                                                     "ustat"};

// Options of prctl(2) that concern the caller alone.
inline constexpr std::uint32_t kPrctlAllowed[] = {1,          2,       // PDEATHSIG
                                                  3,          4,       // DUMPABLE
                                                  5,          6,       // UNALIGN
                                                  7,          8,       // KEEPCAPS
                                                  9,          11,      // GET_FPEMU, GET_FPEXC
                                                  13,         14,      // TIMING
                                                  15,         16,      // NAME
                                                  19,                  // GET_ENDIAN
                                                  21,         22,      // SECCOMP
                                                  23,         24,      // CAPBSET_READ, CAPBSET_DROP
                                                  25,                  // GET_TSC
                                                  27,                  // GET_SECUREBITS
                                                  29,         30,      // TIMERSLACK
                                                  31,         32,      // TASK_PERF_EVENTS
                                                  34,                  // MCE_KILL_GET
                                                  36,         37,      // CHILD_SUBREAPER
                                                  38,         39,      // NO_NEW_PRIVS
                                                  40,                  // GET_TID_ADDRESS
                                                  41,         42,      // THP_DISABLE
                                                  45,         46,      // FP_MODE
                                                  50,         51,      // SVE vector length
                                                  52,         53,      // SPECULATION_CTRL
                                                  54,                  // PAC_RESET_KEYS
                                                  55,         56,      // TAGGED_ADDR_CTRL
                                                  58,                  // GET_IO_FLUSHER
                                                  60,         61,      // PAC enabled keys
                                                  63,         64,      // SME vector length
                                                  65,         66,      // MDWE
                                                  67,         68,      // MEMORY_MERGE
                                                  69,         70,      // RISC-V vector state
                                                  71,                  // RISC-V instruction cache
                                                  74,         75, 76,  // shadow stack
                                                  0x53564d41,          // SET_VMA
                                                  0x41555856};         // GET_AUXV

inline constexpr std::uint32_t kPrctlRefused[] = {26,           // SET_TSC
                                                  28,           // SET_SECUREBITS
                                                  33,           // MCE_KILL
                                                  35,           // SET_MM
                                                  57,           // SET_IO_FLUSHER
                                                  59,           // SET_SYSCALL_USER_DISPATCH
                                                  62,           // SCHED_CORE
                                                  0x59616d61};  // SET_PTRACER

}  // namespace ringfence::sandbox
