// What a process can see of its own confinement, one "name=value" a line, for the comparison with a golden file.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

extern char** environ;

static void printFile(const char* name, const char* path) {
  char text[65536];
  const long length = slurp(path, text, sizeof text);
  if (length < 0) printf("%s=errno %d\n", name, errno);
  for (char *rest = text, *line; length > 0 && (line = strsep(&rest, "\n")) != NULL;) {
    if (*line != '\0') printf("%s=%s\n", name, line);
  }
}

static void printLinks(const char* name, const char* directory) {
  DIR* links = opendir(directory);
  for (struct dirent* entry = links != NULL ? readdir(links) : NULL; entry != NULL; entry = readdir(links)) {
    char path[512], target[512];
    (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0 || atoi(entry->d_name) == dirfd(links)) continue;
    target[length] = '\0';
    printf("%s/%s=%s\n", name, entry->d_name, target);
  }
  if (links != NULL) (void)closedir(links);
}

static void runPosture(char** a, struct Outcome* o) {
  (void)a;
  for (char** variable = environ; *variable != NULL; ++variable) printf("env=%s\n", *variable);
  printFile("status", "/proc/self/status");
  printFile("mount", "/proc/self/mountinfo");
  printFile("limit", "/proc/self/limits");
  printFile("uid_map", "/proc/self/uid_map");
  printFile("gid_map", "/proc/self/gid_map");
  printFile("cgroup", "/proc/self/cgroup");
  printFile("oom", "/proc/self/oom_score_adj");
  printFile("timerslack", "/proc/self/timerslack_ns");
  printLinks("ns", "/proc/self/ns");
  printLinks("fd", "/proc/self/fd");
  sigset_t blocked;
  (void)sigprocmask(SIG_BLOCK, NULL, &blocked);
  for (int number = 1; number < 65; ++number) {
    struct sigaction action;
    if (sigismember(&blocked, number) == 1) printf("blocked=%d\n", number);
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) printf("ignored=%d\n", number);
  }
  const mode_t mask = umask(0);
  printf("umask=%o\nnice=%d\n", mask, getpriority(PRIO_PROCESS, 0));
  printf("uid=%u %u\ngid=%u %u\n", getuid(), geteuid(), getgid(), getegid());
  printf("groups=%d\n", getgroups(0, NULL));
  printf("securebits=%d\ndumpable=%d\n", prctl(PR_GET_SECUREBITS), prctl(PR_GET_DUMPABLE));
  printf("tty=%d\n", open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0);
  (void)fflush(stdout);
  o->effect = kNo;
}

const struct Primitive kPosturePrimitives[] = {{"posture", 0, runPosture}, {NULL, 0, NULL}};
