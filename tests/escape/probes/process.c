// Attempts on other processes: tracing, memory, signals, scheduling, namespaces.
#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static void runAttach(char** a, struct Outcome* o) {
  const pid_t pid = atoi(a[0]);
  note(o, ptrace(PTRACE_ATTACH, pid, NULL, NULL));
  if (o->effect != kYes) return;
  (void)waitpid(pid, NULL, __WALL);
  (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
}
static void runSeize(char** a, struct Outcome* o) { note(o, ptrace(PTRACE_SEIZE, atoi(a[0]), NULL, NULL)); }

// a[0] pid, a[1] address in hexadecimal: 64 bytes from there.
static void runVmRead(char** a, struct Outcome* o) {
  char buffer[65] = "";
  const struct iovec local = {buffer, 64};
  const struct iovec remote = {(void*)strtoul(a[1], NULL, 16), 64};
  note(o, process_vm_readv(atoi(a[0]), &local, 1, &remote, 1, 0));
  say(o, "%s", buffer);
}
static void runVmWrite(char** a, struct Outcome* o) {
  char buffer[] = "escaped";
  const struct iovec local = {buffer, sizeof buffer};
  const struct iovec remote = {(void*)strtoul(a[1], NULL, 16), sizeof buffer};
  note(o, process_vm_writev(atoi(a[0]), &local, 1, &remote, 1, 0));
}
static void runProcMem(char** a, struct Outcome* o) {
  char path[64], buffer[65] = "";
  (void)snprintf(path, sizeof path, "/proc/%s/mem", a[0]);
  const int file = open(path, O_RDONLY);
  note(o, file < 0 ? file : pread(file, buffer, 64, (off_t)strtoul(a[1], NULL, 16)));
  say(o, "%s", buffer);
}

static long openPidfd(const char* pid) { return syscall(SYS_pidfd_open, atoi(pid), 0); }

static void runPidfdGetfd(char** a, struct Outcome* o) {
  const int pidfd = (int)openPidfd(a[0]);
  note(o, pidfd);
  if (pidfd < 0) return;
  const int got = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(a[1]), 0);
  note(o, got);
  if (got < 0) return;
  (void)lseek(got, 0, SEEK_SET);
  readInto(o, got);
}
static void runKcmp(char** a, struct Outcome* o) { note(o, syscall(SYS_kcmp, getpid(), atoi(a[0]), 1, 0, 0)); }

// Looks for the text a[0] in one file a[1] ("environ", "cmdline", "comm") of every process that is visible.
static void runSweep(char** a, struct Outcome* o) {
  o->effect = kNo;
  DIR* processes = opendir("/proc");
  if (processes == NULL) {
    o->error = errno;
    return;
  }
  int seen = 0;
  for (struct dirent* entry = readdir(processes); entry != NULL; entry = readdir(processes)) {
    char path[300], text[8192];
    if (atoi(entry->d_name) <= 0 || atoi(entry->d_name) == getpid() || atoi(entry->d_name) == getppid()) continue;
    (void)snprintf(path, sizeof path, "/proc/%s/%s", entry->d_name, a[1]);
    ++seen;
    const long length = slurp(path, text, sizeof text);
    if (length > 0 && memmem(text, (size_t)length, a[0], strlen(a[0])) != NULL) {
      o->effect = kYes;
      say(o, "found %s in %s; ", a[0], path);
    }
  }
  say(o, "%d processes visible", seen);
  (void)closedir(processes);
}

static void runKill(char** a, struct Outcome* o) { note(o, kill(atoi(a[0]), atoi(a[1]))); }
static void runTgkill(char** a, struct Outcome* o) { note(o, syscall(SYS_tgkill, atoi(a[0]), atoi(a[0]), atoi(a[1]))); }
static void runTkill(char** a, struct Outcome* o) { note(o, syscall(SYS_tkill, atoi(a[0]), atoi(a[1]))); }
static void runSigqueue(char** a, struct Outcome* o) {
  const union sigval value = {.sival_int = 1};
  note(o, sigqueue(atoi(a[0]), atoi(a[1]), value));
}
static void runPidfdKill(char** a, struct Outcome* o) {
  const int pidfd = (int)openPidfd(a[0]);
  note(o, pidfd);
  if (pidfd >= 0) note(o, syscall(SYS_pidfd_send_signal, pidfd, atoi(a[1]), NULL, 0));
}
static void runKillAll(char** a, struct Outcome* o) {
  (void)signal(SIGTERM, SIG_IGN);
  note(o, kill(-1, atoi(a[0])));
}

static void runAffinity(char** a, struct Outcome* o) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  note(o, sched_setaffinity(atoi(a[0]), sizeof set, &set));
}
static void runNice(char** a, struct Outcome* o) { note(o, setpriority(PRIO_PROCESS, (id_t)atoi(a[0]), 15)); }
static void runNiceUser(char** a, struct Outcome* o) {
  (void)a;
  note(o, setpriority(PRIO_USER, getuid(), 17));
}
static void runIoprio(char** a, struct Outcome* o) { note(o, syscall(SYS_ioprio_set, 1, atoi(a[0]), (3 << 13))); }
static void runScheduler(char** a, struct Outcome* o) {
  const struct sched_param parameters = {0};
  note(o, sched_setscheduler(atoi(a[0]), SCHED_BATCH, &parameters));
}
static void runMigratePages(char** a, struct Outcome* o) {
  const unsigned long nodes = 1;
  note(o, syscall(SYS_migrate_pages, atoi(a[0]), 2UL, &nodes, &nodes));
}
static void runMovePages(char** a, struct Outcome* o) {
  note(o, syscall(SYS_move_pages, atoi(a[0]), 0UL, NULL, NULL, NULL, 0));
}
static void runProcessMadvise(char** a, struct Outcome* o) {
  const struct iovec range = {(void*)strtoul(a[1], NULL, 16), 4096};
  const int pidfd = (int)openPidfd(a[0]);
  note(o, pidfd);
  if (pidfd >= 0) note(o, syscall(440, pidfd, &range, 1UL, 20 /* MADV_COLD */, 0));
}

// Process a[0] hears of data in a pipe: by signal a[1], or by the usual one where that is 0.
static void runSetOwner(char** a, struct Outcome* o) {
  int pipes[2];
  note(o, pipe(pipes));
  note(o, fcntl(pipes[0], F_SETOWN, atoi(a[0])));
  if (atoi(a[1]) != 0) (void)fcntl(pipes[0], F_SETSIG, atoi(a[1]));
  if (fcntl(pipes[0], F_SETFL, O_ASYNC | O_NONBLOCK) != 0) note(o, -1);
  (void)!write(pipes[1], "x", 1);
}
// The same with the thread a[0] as the owner.
static void runSetOwnerThread(char** a, struct Outcome* o) {
  int pipes[2];
  const struct f_owner_ex owner = {F_OWNER_TID, atoi(a[0])};
  note(o, pipe(pipes));
  note(o, fcntl(pipes[0], F_SETOWN_EX, &owner));
  (void)fcntl(pipes[0], F_SETSIG, SIGUSR1);
  if (fcntl(pipes[0], F_SETFL, O_ASYNC | O_NONBLOCK) != 0) note(o, -1);
  (void)!write(pipes[1], "x", 1);
}
// The same by the call that sockets have for it.
static void runSetOwnerSocket(char** a, struct Outcome* o) {
  int pair[2];
  int owner = atoi(a[0]), on = 1;
  note(o, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  note(o, ioctl(pair[0], FIOSETOWN, &owner));
  if (ioctl(pair[0], FIOASYNC, &on) != 0) note(o, -1);
  (void)!write(pair[1], "x", 1);
}
// Process a[0] owns a lease on the file a[1], and hears that it is broken.
static void runSetOwnerLease(char** a, struct Outcome* o) {
  const int file = open(a[1], O_RDONLY | O_CREAT, 0600);
  note(o, file);
  note(o, fcntl(file, F_SETLEASE, F_RDLCK));
  if (fcntl(file, F_SETOWN, atoi(a[0])) != 0) note(o, -1);
  (void)open(a[1], O_WRONLY | O_NONBLOCK);
}
// A timer of which thread a[0] hears.
static void runTimerThread(char** a, struct Outcome* o) {
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
  event._sigev_un._tid = atoi(a[0]);
  note(o, timer_create(CLOCK_MONOTONIC, &event, &timer));
  const struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
  if (o->effect == kYes) note(o, timer_settime(timer, 0, &soon, NULL));
}
// Somebody's queue a[0], of which a message tells its owner by a signal.
static void runMqNudge(char** a, struct Outcome* o) {
  const mqd_t queue = mq_open(a[0], O_WRONLY | O_NONBLOCK);
  note(o, queue < 0 ? queue : mq_send(queue, "x", 1, 0));
}

// A child in a session of its own, away from its parent, that appends a line to a[0] ten times a second.
static void runDaemonise(char** a, struct Outcome* o) {
  note(o, 0);
  if (fork() != 0) return;
  (void)setsid();
  if (fork() != 0) _exit(0);
  for (int descriptor = 0; descriptor < 3; ++descriptor) (void)close(descriptor);
  const int file = open(a[0], O_CREAT | O_WRONLY | O_APPEND, 0644);
  for (int beat = 0; beat < 600; ++beat) {
    (void)!write(file, "beat\n", 5);
    (void)usleep(100000);
  }
  _exit(0);
}

static void namespaceOf(const char* which, char* target) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/self/ns/%s", which);
  const ssize_t length = readlink(path, target, 63);
  target[length > 0 ? length : 0] = '\0';
}

// a[0] flags in hexadecimal, a[1] name in /proc/self/ns: effect when the namespace is another one afterwards.
static void runUnshare(char** a, struct Outcome* o) {
  char before[64], after[64];
  namespaceOf(a[1], before);
  note(o, unshare((int)strtoul(a[0], NULL, 16)));
  namespaceOf(a[1], after);
  o->effect = strcmp(before, after) != 0 ? kYes : kNo;
}
static void clonedInto(struct Outcome* o, long child, const char* which, const char* before) {
  if (child == 0) {
    char now[64];
    namespaceOf(which, now);
    _exit(strcmp(before, now) != 0 ? 7 : 0);
  }
  note(o, child);
  if (child < 0) return;
  int status = 0;
  (void)waitpid((pid_t)child, &status, __WALL);
  o->effect = WIFEXITED(status) && WEXITSTATUS(status) == 7 ? kYes : kNo;
}
static void runClone(char** a, struct Outcome* o) {
  char before[64];
  namespaceOf(a[1], before);
  clonedInto(o, syscall(SYS_clone, strtoul(a[0], NULL, 16) | SIGCHLD, 0, 0, 0, 0), a[1], before);
}
static void runClone3(char** a, struct Outcome* o) {
  char before[64];
  namespaceOf(a[1], before);
  struct clone_args arguments = {.flags = strtoul(a[0], NULL, 16), .exit_signal = SIGCHLD};
  clonedInto(o, syscall(SYS_clone3, &arguments, sizeof arguments), a[1], before);
}
// setns by a pidfd of process a[0] into its user namespace, made for the purpose.
static void runSetns(char** a, struct Outcome* o) {
  const int pidfd = (int)openPidfd(a[0]);
  note(o, pidfd);
  if (pidfd >= 0) note(o, setns(pidfd, CLONE_NEWUSER));
}

static int writeText(const char* path, const char* text) {
  const int file = open(path, O_WRONLY);
  const ssize_t written = write(file, text, strlen(text));
  if (file >= 0) (void)close(file);
  return written < 0 ? -1 : 0;
}

// All capabilities in a namespace of one's own, then a mount: "tmpfs" or "overlay" over a[0].
static void runUsernsMount(char** a, struct Outcome* o) {
  char map[64];
  const unsigned uid = getuid();
  note(o, unshare(CLONE_NEWUSER | CLONE_NEWNS));
  if (o->effect != kYes) return;
  (void)writeText("/proc/self/setgroups", "deny");
  (void)snprintf(map, sizeof map, "0 %u 1", uid);
  (void)writeText("/proc/self/uid_map", map);
  note(o, mount("escape", a[0], "tmpfs", 0, NULL));
}

// Tries to become root by every call that changes ids.
static void runBecomeRoot(char** a, struct Outcome* o) {
  (void)a;
  note(o, setuid(0));
  (void)setresuid(0, 0, 0);
  (void)setreuid(0, 0);
  (void)setgid(0);
  say(o, "uid %u euid %u gid %u", getuid(), geteuid(), getgid());
  o->effect = getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0 ? kYes : kNo;
}

// a[0] the value in hexadecimal; effect when the personality is what was asked for afterwards.
static void runPersonality(char** a, struct Outcome* o) {
  const unsigned long wanted = strtoul(a[0], NULL, 16);
  note(o, personality(wanted));
  o->effect = wanted != 0 && (unsigned long)personality(0xffffffff) == wanted ? kYes : kNo;
}

// Raises the limit and crashes in directory a[0]: a core file there is the effect.
static void runCrash(char** a, struct Outcome* o) {
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  note(o, setrlimit(RLIMIT_CORE, &unlimited));
  o->effect = kUnknown;
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(a[0]) != 0) _exit(1);
    (void)signal(SIGSEGV, SIG_DFL);
    (void)kill(getpid(), SIGSEGV);
    (void)pause();
  }
  int status = 0;
  (void)waitpid(child, &status, 0);
  o->effect = WIFSIGNALED(status) && WCOREDUMP(status) ? kYes : kNo;
}

const struct Primitive kProcessPrimitives[] = {{"ptrace_attach", 1, runAttach},
                                               {"ptrace_seize", 1, runSeize},
                                               {"vm_read", 2, runVmRead},
                                               {"vm_write", 2, runVmWrite},
                                               {"proc_mem", 2, runProcMem},
                                               {"pidfd_getfd", 2, runPidfdGetfd},
                                               {"kcmp", 1, runKcmp},
                                               {"sweep", 2, runSweep},
                                               {"kill", 2, runKill},
                                               {"tgkill", 2, runTgkill},
                                               {"tkill", 2, runTkill},
                                               {"sigqueue", 2, runSigqueue},
                                               {"pidfd_kill", 2, runPidfdKill},
                                               {"kill_all", 1, runKillAll},
                                               {"affinity", 1, runAffinity},
                                               {"nice", 1, runNice},
                                               {"nice_user", 0, runNiceUser},
                                               {"ioprio", 1, runIoprio},
                                               {"scheduler", 1, runScheduler},
                                               {"migrate_pages", 1, runMigratePages},
                                               {"move_pages", 1, runMovePages},
                                               {"process_madvise", 2, runProcessMadvise},
                                               {"set_owner", 2, runSetOwner},
                                               {"set_owner_thread", 1, runSetOwnerThread},
                                               {"set_owner_socket", 1, runSetOwnerSocket},
                                               {"set_owner_lease", 2, runSetOwnerLease},
                                               {"timer_thread", 1, runTimerThread},
                                               {"mq_nudge", 1, runMqNudge},
                                               {"daemonise", 1, runDaemonise},
                                               {"unshare", 2, runUnshare},
                                               {"clone", 2, runClone},
                                               {"clone3", 2, runClone3},
                                               {"setns", 1, runSetns},
                                               {"userns_mount", 1, runUsernsMount},
                                               {"become_root", 0, runBecomeRoot},
                                               {"personality", 1, runPersonality},
                                               {"crash", 1, runCrash},
                                               {NULL, 0, NULL}};
