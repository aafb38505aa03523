// Attempts on the system call surface: foreign ABIs, numbers, calls that no agent needs.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

// A raw call by number, arguments in any base: a[0] number, then up to six arguments; effect when it does not fail.
static void runCall(char** a, struct Outcome* o) {
  long v[6] = {0};
  for (int i = 0; i < 6 && a[i + 1] != NULL; ++i) v[i] = strtol(a[i + 1], NULL, 0);
  note(o, syscall(strtol(a[0], NULL, 0), v[0], v[1], v[2], v[3], v[4], v[5]));
}

// Like "call", with arguments that the kernel must find wrong: effect when the call got far enough to notice.
static void runReach(char** a, struct Outcome* o) {
  runCall(a, o);
  o->effect = o->error == ENOSYS || o->error == EPERM ? kNo : kYes;
}

#ifdef __x86_64__
static long call32(long number, long first, long second) {
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(number), "b"(first), "c"(second)
                   : "memory", "r8", "r9", "r10", "r11");
  return result;
}
static char* lowCopy(const char* text) {
  char* low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  (void)snprintf(low, 4096, "%s", text);
  return low;
}
// i386 calls through the old gate: 39 mkdir, 8 creat, 20 getpid, 5 open and so on; a[1] is a path or a number.
static void runCall32(char** a, struct Outcome* o) {
  const long argument = a[1][0] == '/' ? (long)lowCopy(a[1]) : strtol(a[1], NULL, 0);
  const long result = call32(atol(a[0]), argument, 0755);
  o->error = result < 0 ? (int)-result : 0;
  o->effect = result < 0 ? kNo : kYes;
}
#else
static void runCall32(char** a, struct Outcome* o) {
  (void)a;
  o->effect = kNo;
  o->error = ENOSYS;
}
#endif

// A ring of one's own, and through it the opening and reading of a[0]: past any filter that looks at open calls.
static void runUring(char** a, struct Outcome* o) {
  struct io_uring_params parameters = {0};
  const int ring = (int)syscall(SYS_io_uring_setup, 4, &parameters);
  note(o, ring);
  if (ring < 0) return;
  char* sq = mmap(NULL, parameters.sq_off.array + 64, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  char* cq = mmap(NULL, parameters.cq_off.cqes + 256, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe* entry = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || entry == MAP_FAILED) return;
  memset(entry, 0, sizeof *entry);
  entry->opcode = IORING_OP_OPENAT;
  entry->fd = AT_FDCWD;
  entry->addr = (uint64_t)(uintptr_t)a[0];
  *(unsigned*)(sq + parameters.sq_off.array) = 0;
  __atomic_store_n((unsigned*)(sq + parameters.sq_off.tail), 1, __ATOMIC_RELEASE);
  (void)syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  const int file = ((struct io_uring_cqe*)(cq + parameters.cq_off.cqes))->res;
  say(o, "ring; open gave %d: ", file);
  if (file >= 0) readInto(o, file);
}

static int isDangerousToCall(long number) {
  // Ends, stops, replaces or blocks the caller: their rules are shown elsewhere.
  static const long kSkip[] = {SYS_exit,   SYS_exit_group, SYS_rt_sigreturn, SYS_pause,         SYS_vfork,
                               SYS_fork,   SYS_clone,      SYS_read,         SYS_select,        SYS_pselect6,
                               SYS_ppoll,  SYS_poll,       SYS_kill,         SYS_tkill,         SYS_tgkill,
                               SYS_reboot, SYS_vhangup,    SYS_sync,         SYS_rt_sigsuspend, SYS_wait4};
  for (size_t i = 0; i < sizeof kSkip / sizeof *kSkip; ++i) {
    if (kSkip[i] == number) return 1;
  }
  return 0;
}

// Which of the numbers a[0] to a[1] answer something else than ENOSYS or EPERM to six zeros: "N:errno" each.
static void runNumbers(char** a, struct Outcome* o) {
  o->effect = kNo;
  for (long number = atol(a[0]); number <= atol(a[1]); ++number) {
    if (isDangerousToCall(number)) continue;
    const pid_t child = fork();
    if (child == 0) {
      (void)alarm(2);
      errno = 0;
      const long result = syscall(number, 0, 0, 0, 0, 0, 0);
      _exit(result == -1 ? (errno & 0xff) : 0);
    }
    int status = 0;
    (void)waitpid(child, &status, __WALL);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (code == ENOSYS || code == EPERM) continue;
    say(o, "%ld ", number);
    o->effect = kYes;
  }
}

// prctl a[0] with up to four arguments. A call that leaves the process unable to make calls is an effect, too.
static void runPrctl(char** a, struct Outcome* o) {
  unsigned long v[4] = {0};
  for (int i = 0; i < 4 && a[i + 1] != NULL; ++i) v[i] = strtoul(a[i + 1], NULL, 0);
  const pid_t child = fork();
  if (child == 0) _exit(prctl((int)strtoul(a[0], NULL, 0), v[0], v[1], v[2], v[3]) == -1 ? errno : 0);
  int status = 0;
  (void)waitpid(child, &status, 0);
  o->error = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  o->effect = o->error == 0 ? kYes : kNo;
}

// Lives as long as its process: nobody writes into the pipe, so that a slow machine has time to count.
static void* threadBody(void* gate) {
  char nothing;
  (void)!read(*(const int*)gate, &nothing, 1);
  return NULL;
}
// Whether every thread has the filter and may gain no privilege: effect when one has not.
static void runThreads(char** a, struct Outcome* o) {
  (void)a;
  pthread_t threads[4];
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) return;
  for (int i = 0; i < 4; ++i) (void)pthread_create(&threads[i], NULL, threadBody, &gate[0]);
  o->effect = kNo;
  FILE* listing = popen("cat /proc/$PPID/task/*/status", "re");
  char line[256];
  int filtered = 0, total = 0, locked = 0;
  while (listing != NULL && fgets(line, sizeof line, listing) != NULL) {
    if (strncmp(line, "Pid:", 4) == 0) ++total;
    if (strcmp(line, "Seccomp:\t2\n") == 0) ++filtered;
    if (strcmp(line, "NoNewPrivs:\t1\n") == 0) ++locked;
  }
  say(o, "%d threads, %d filtered, %d without new privileges", total, filtered, locked);
  if (total < 5)
    o->effect = kUnknown;
  else if (filtered != total || locked != total)
    o->effect = kYes;
}

static volatile sig_atomic_t trapped = 0;
static void onTrap(int number) {
  (void)number;
  trapped = 1;
}
// A handler for SIGSYS, then a refused call: effect when the program could answer itself. "own" installs such a filter.
static void runTrap(char** a, struct Outcome* o) {
  (void)signal(SIGSYS, onTrap);
  if (strcmp(a[0], "own") == 0) {
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_acct, 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {4, code};
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  }
  note(o, syscall(SYS_acct, NULL));
  o->effect = trapped ? kYes : kNo;
}

static void runIoctl(char** a, struct Outcome* o) {
  const int file = open(a[0], O_RDWR | O_NOCTTY);
  note(o, file);
  if (file < 0) return;
  char argument[64] = "\n";
  note(o, ioctl(file, strtoul(a[1], NULL, 0), argument));
}

// Pushes the text a[1] into the input of the terminal a[0], as if somebody had typed it.
static void runInject(char** a, struct Outcome* o) {
  const int terminal = open(a[0], O_RDWR | O_NOCTTY);
  note(o, terminal);
  for (const char* c = a[1]; terminal >= 0 && *c != '\0'; ++c) note(o, ioctl(terminal, TIOCSTI, c));
}

const struct Primitive kSyscallPrimitives[] = {{"call", 1, runCall},
                                               {"reach", 1, runReach},
                                               {"call32", 2, runCall32},
                                               {"uring", 1, runUring},
                                               {"numbers", 2, runNumbers},
                                               {"prctl", 3, runPrctl},
                                               {"threads", 0, runThreads},
                                               {"trap", 1, runTrap},
                                               {"ioctl", 2, runIoctl},
                                               {"inject", 2, runInject},
                                               {NULL, 0, NULL}};
