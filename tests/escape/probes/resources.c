// Attempts to use more of the machine than was granted. All are bounded, so that a control outside does no harm.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

// Children until a[0] exist or one is refused; they end with the caller.
static void runForkMany(char** a, struct Outcome* o) {
  const int wanted = atoi(a[0]);
  pid_t* children = calloc((size_t)wanted, sizeof *children);
  int count = 0;
  errno = 0;
  while (count < wanted) {
    const pid_t child = fork();
    if (child == 0) {
      (void)alarm(20);
      (void)pause();
      _exit(0);
    }
    if (child < 0) break;
    children[count++] = child;
  }
  o->error = count < wanted ? errno : 0;
  o->effect = count == wanted ? kYes : kNo;
  say(o, "%d processes", count);
  (void)usleep(a[1] != NULL ? (unsigned)atoi(a[1]) * 1000 : 0);
  for (int i = 0; i < count; ++i) (void)kill(children[i], SIGKILL);
  for (int i = 0; i < count; ++i) (void)waitpid(children[i], NULL, 0);
}

// Every process forks until somebody ends it all; its life is bounded by a[0] seconds.
static void runForkBomb(char** a, struct Outcome* o) {
  (void)o;
  const time_t end = time(NULL) + atoi(a[0]);
  (void)!write(STDOUT_FILENO, "bomb\n", 5);
  while (time(NULL) < end) {
    if (fork() < 0) (void)usleep(1000);
  }
  _exit(0);
}

static long megabytes(const char* text) { return atol(text); }

// Touches a[1] MiB of the kind a[0]: anon, shm (System V is refused), memfd, file (path a[2]), pipe, socket.
static void runFill(char** a, struct Outcome* o) {
  const long wanted = megabytes(a[1]);
  long done = 0;
  static char block[1 << 20];
  memset(block, 0x5a, sizeof block);
  int file = -1;
  if (strcmp(a[0], "memfd") == 0) file = memfd_create("fill", 0);
  if (strcmp(a[0], "file") == 0) file = open(a[2], O_CREAT | O_WRONLY | O_TRUNC, 0600);
  errno = 0;
  for (; done < wanted; ++done) {
    if (strcmp(a[0], "anon") == 0) {
      char* page = mmap(NULL, sizeof block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (page == MAP_FAILED) break;
      memcpy(page, block, sizeof block);
    } else if (strcmp(a[0], "pipe") == 0) {
      int pipes[2];
      if (pipe(pipes) != 0) break;
      (void)fcntl(pipes[1], F_SETPIPE_SZ, 1 << 20);
      (void)fcntl(pipes[1], F_SETFL, O_NONBLOCK);
      if (write(pipes[1], block, sizeof block) < (1 << 20)) break;
    } else if (write(file, block, sizeof block) != (ssize_t)sizeof block) {
      break;
    }
  }
  o->error = done < wanted ? errno : 0;
  o->effect = done == wanted ? kYes : kNo;
  say(o, "%ld MiB", done);
  if (strcmp(a[0], "file") == 0) (void)unlink(a[2]);
}

// Fills what the kernel keeps for a process: at least a[1] MiB of the kind a[0]: socket (data that nobody reads), name
// (that is looked up in directory a[2] and is not there), event (about files in a[2], that nobody reads).
static void runFillKernel(char** a, struct Outcome* o) {
  const long wanted = megabytes(a[1]) << 20;
  static char block[1 << 14];
  char path[4200];
  long done = 0;
  errno = 0;
  const int watched = strcmp(a[0], "event") == 0 ? 8 : 0;
  for (int i = 0; i < watched; ++i) (void)inotify_add_watch(inotify_init1(IN_NONBLOCK), a[2], IN_CREATE | IN_DELETE);
  for (long i = 0; done < wanted && i < 200000; ++i) {
    (void)snprintf(path, sizeof path, "%s/%0200ld", a[2] == NULL ? "" : a[2], i);
    if (strcmp(a[0], "socket") == 0) {
      int pair[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) break;
      for (ssize_t wrote = 0; (wrote = write(pair[0], block, sizeof block)) > 0;) done += wrote;
    } else if (watched == 0) {
      (void)access(path, F_OK);
      done += 400;
    } else {
      const int file = open(path, O_CREAT | O_WRONLY, 0600);
      if (file < 0 || close(file) != 0 || unlink(path) != 0) break;
      done += watched * 2L * 256;
    }
  }
  o->error = done < wanted ? errno : 0;
  o->effect = done >= wanted ? kYes : kNo;
  say(o, "%ld MiB", done >> 20);
}

// A file of a[1] MiB at a[0] that is all hole, made dense from its end.
static void runDensify(char** a, struct Outcome* o) {
  static char block[1 << 20];
  memset(block, 0x5a, sizeof block);
  const long wanted = megabytes(a[1]);
  long left = wanted;
  const int file = open(a[0], O_CREAT | O_WRONLY | O_TRUNC, 0600);
  note(o, file < 0 ? file : ftruncate(file, wanted * (off_t)sizeof block));
  if (o->effect != kYes) return;
  while (left > 0 && pwrite(file, block, sizeof block, (left - 1) * (off_t)sizeof block) == (ssize_t)sizeof block)
    --left;
  o->error = left > 0 ? errno : 0;
  o->effect = left == 0 ? kYes : kNo;
  say(o, "%ld of %ld MiB", wanted - left, wanted);
  (void)unlink(a[0]);
}

// Makes a[1] empty files in directory a[0], then removes them.
static void runInodes(char** a, struct Outcome* o) {
  const int wanted = atoi(a[1]);
  char path[4200];
  int made = 0;
  for (; made < wanted; ++made) {
    (void)snprintf(path, sizeof path, "%s/i%d", a[0], made);
    const int file = open(path, O_CREAT | O_WRONLY, 0600);
    if (file < 0) break;
    (void)close(file);
  }
  o->error = made < wanted ? errno : 0;
  o->effect = made == wanted ? kYes : kNo;
  say(o, "%d files", made);
  for (int i = 0; i < made; ++i) {
    (void)snprintf(path, sizeof path, "%s/i%d", a[0], i);
    (void)unlink(path);
  }
}

// Spins on a[0] processes for a[1] ms and says how many ms of CPU they got.
static void runSpin(char** a, struct Outcome* o) {
  const int processes = atoi(a[0]);
  const long span = atol(a[1]);
  for (int i = 0; i < processes; ++i) {
    if (fork() == 0) {
      struct timespec start, now;
      (void)clock_gettime(CLOCK_MONOTONIC, &start);
      do (void)clock_gettime(CLOCK_MONOTONIC, &now);
      while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < span);
      _exit(0);
    }
  }
  while (wait(NULL) > 0) {}
  struct rusage usage;
  (void)getrusage(RUSAGE_CHILDREN, &usage);
  const long used =
      (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
  o->effect = kUnknown;
  say(o, "%ld", used);
}

static void runRealtime(char** a, struct Outcome* o) {
  const struct sched_param parameters = {.sched_priority = 1};
  note(o, sched_setscheduler(0, atoi(a[0]), &parameters));
}
static void runNiceUp(char** a, struct Outcome* o) { note(o, setpriority(PRIO_PROCESS, 0, atoi(a[0]))); }
// Raises the hard limit of resource a[0].
static void runRaiseLimit(char** a, struct Outcome* o) {
  struct rlimit limit;
  const int resource = atoi(a[0]);
  (void)getrlimit((__rlimit_resource_t)resource, &limit);
  say(o, "hard %ld", (long)limit.rlim_max);
  if (limit.rlim_max == RLIM_INFINITY) {
    o->effect = kNo;
    return;
  }
  limit.rlim_max += 1;
  note(o, setrlimit((__rlimit_resource_t)resource, &limit));
}
static void runWriteText(char** a, struct Outcome* o) {
  const int file = open(a[0], O_WRONLY);
  note(o, file);
  if (file >= 0) note(o, write(file, a[1], strlen(a[1])));
}
// Starts and reaps children for a[0] ms and says how many.
static void runChurn(char** a, struct Outcome* o) {
  struct timespec start, now;
  volatile long count = 0;
  (void)clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    const pid_t child = vfork();
    if (child == 0) _exit(0);
    if (child > 0) (void)waitpid(child, NULL, 0);
    ++count;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < atol(a[0]));
  o->effect = kYes;
  say(o, "%ld", count);
}
// Writes a[0] MiB without a newline to standard output.
static void runFlood(char** a, struct Outcome* o) {
  static char block[1 << 16];
  memset(block, 'x', sizeof block);
  for (long i = 0; i < megabytes(a[0]) * 16; ++i) {
    if (write(STDOUT_FILENO, block, sizeof block) < 0) break;
  }
  o->effect = kYes;
}

const struct Primitive kResourcePrimitives[] = {{"fork_many", 1, runForkMany},
                                                {"fork_bomb", 1, runForkBomb},
                                                {"fill", 2, runFill},
                                                {"fill_kernel", 2, runFillKernel},
                                                {"densify", 2, runDensify},
                                                {"inodes", 2, runInodes},
                                                {"spin", 2, runSpin},
                                                {"realtime", 1, runRealtime},
                                                {"nice_up", 1, runNiceUp},
                                                {"raise_limit", 1, runRaiseLimit},
                                                {"write_text", 2, runWriteText},
                                                {"churn", 1, runChurn},
                                                {"flood", 1, runFlood},
                                                {NULL, 0, NULL}};
