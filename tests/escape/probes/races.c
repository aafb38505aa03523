// Attempts against whoever judges a call before it happens: what was judged is exchanged while it is being judged.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

enum { kPathSize = 4096, kEnough = 3 };

// One buffer that a second thread fills with one of two texts, again and again, as fast as it can.
struct Swap {
  char* buffer;
  const char* texts[2];
  atomic_int stop;
  atomic_int turns;
  int seen[2];  // by who makes the calls
  pthread_t thread;
  void (*turn)(struct Swap* swap, int which);
};

static void turnText(struct Swap* swap, int which) {
  memcpy(swap->buffer, swap->texts[which], strlen(swap->texts[which]) + 1);
}

// The page is taken away between the two texts.
static void turnPage(struct Swap* swap, int which) {
  (void)mprotect(swap->buffer, kPathSize, PROT_NONE);
  (void)mprotect(swap->buffer, kPathSize, PROT_READ | PROT_WRITE);
  turnText(swap, which);
}

// A symbolic link that leads to one of two directories.
static void turnLink(struct Swap* swap, int which) {
  char made[kPathSize];
  (void)snprintf(made, sizeof made, "%s.new", swap->buffer);
  (void)symlink(swap->texts[which], made);
  (void)rename(made, swap->buffer);
}

static void* keepTurning(void* argument) {
  struct Swap* swap = argument;
  for (int which = 0; !atomic_load_explicit(&swap->stop, memory_order_relaxed); which = !which) {
    swap->turn(swap, which);
    // Each text stands for a moment, or every look would find a mixture.
    for (volatile int pause = 0; pause < 2000; ++pause) {}
    (void)atomic_fetch_add_explicit(&swap->turns, 1, memory_order_relaxed);
  }
  return NULL;
}

static void startSwap(struct Swap* swap, char* innocent, char* forbidden, void (*turn)(struct Swap*, int)) {
  swap->buffer = mmap(NULL, kPathSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  swap->texts[0] = innocent;
  swap->texts[1] = forbidden;
  swap->turn = turn;
  swap->seen[0] = swap->seen[1] = turn == turnText ? 0 : kEnough;  // a page may not be there to look at
  atomic_init(&swap->stop, 0);
  atomic_init(&swap->turns, 0);
  turnText(swap, 0);
  (void)pthread_create(&swap->thread, NULL, keepTurning, swap);
}

static void look(struct Swap* swap) {
  for (int which = 0; which < 2; ++which) {
    if (strcmp(swap->buffer, swap->texts[which]) == 0) ++swap->seen[which];
  }
}

// Both threads must have had their time, and both texts: without a mediator the rounds alone are over in no time, and
// on a busy machine all of them in moments when the other thread waits.
static int goesOn(struct Swap* swap, int round, int count) {
  if (round < count) return 1;
  if (round >= 5000000) return 0;
  return atomic_load(&swap->turns) < 20000 || swap->seen[0] < kEnough || swap->seen[1] < kEnough;
}

static void endSwap(struct Swap* swap) {
  atomic_store(&swap->stop, 1);
  (void)pthread_join(swap->thread, NULL);
}

static void writeAndClose(int file) {
  if (file < 0) return;
  (void)!write(file, "escaped", 7);
  (void)close(file);
}

// What one round does with the path that is being exchanged.
static const char* innocentPath;
static void roundOpen(const char* path) { writeAndClose(open(path, O_WRONLY | O_APPEND | O_NONBLOCK)); }
static void roundCreate(const char* path) { writeAndClose(open(path, O_WRONLY | O_CREAT | O_APPEND, 0644)); }
static void roundOpenat2(const char* path) {
  const struct open_how how = {.flags = O_WRONLY | O_CREAT | O_APPEND, .mode = 0644};
  writeAndClose((int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}
static void roundMkdir(const char* path) {
  (void)mkdir(path, 0755);
  (void)rmdir(innocentPath);
}
static void roundTruncate(const char* path) { (void)truncate(path, 1); }
static void roundChmod(const char* path) { (void)chmod(path, 0777); }
static void roundUnlink(const char* path) { (void)unlink(path); }
static void roundRename(const char* path) {
  const int made = open("race-source", O_WRONLY | O_CREAT, 0644);
  if (made >= 0) (void)close(made);
  (void)rename("race-source", path);
}
static void roundSymlink(const char* path) {
  (void)symlink("/etc/passwd", path);
  (void)unlink(innocentPath);
}

static const struct {
  const char* name;
  void (*run)(const char* path);
} kRounds[] = {{"open", roundOpen},     {"create", roundCreate},     {"openat2", roundOpenat2},
               {"mkdir", roundMkdir},   {"truncate", roundTruncate}, {"chmod", roundChmod},
               {"unlink", roundUnlink}, {"rename", roundRename},     {"symlink", roundSymlink}};

static void race(char** a, struct Outcome* o, void (*turn)(struct Swap*, int)) {
  void (*perform)(const char*) = NULL;
  for (size_t i = 0; i < sizeof kRounds / sizeof *kRounds; ++i) {
    if (strcmp(kRounds[i].name, a[0]) == 0) perform = kRounds[i].run;
  }
  if (perform == NULL) return say(o, "no such round");
  struct Swap swap;
  innocentPath = a[1];
  startSwap(&swap, a[1], a[2], turn);
  const int count = atoi(a[3]);
  int round = 0;
  for (; goesOn(&swap, round, count); ++round) {
    if (swap.turn == turnText) look(&swap);
    perform(swap.buffer);
  }
  endSwap(&swap);
  o->effect = kYes;
  say(o, "%d rounds, %d turns", round, (int)swap.turns);
}
// ROUND INNOCENT FORBIDDEN COUNT
static void runRacePath(char** a, struct Outcome* o) { race(a, o, turnText); }

// The last free descriptor is there and gone again, as fast as it goes.
static atomic_int isFed;
static void* starve(void* unused) {
  int last = -1;
  while (!atomic_load(&isFed)) {
    if (last >= 0) (void)close(last);
    for (volatile int pause = 0; pause < 500; ++pause) {}
    last = open("/dev/null", O_RDONLY);
  }
  return unused;
}
// The same where a descriptor for what was opened may be missing at the moment when it is handed over.
static void runRaceStarved(char** a, struct Outcome* o) {
  const struct rlimit limit = {16, 16};
  note(o, setrlimit(RLIMIT_NOFILE, &limit));
  int last = 0, before = 0;
  while (last >= 0) before = last, last = open("/dev/null", O_RDONLY);
  (void)close(before);
  pthread_t thread;
  if (o->effect != kYes || pthread_create(&thread, NULL, starve, NULL) != 0) return;
  race(a, o, turnText);
  atomic_store(&isFed, 1);
  (void)pthread_join(thread, NULL);
}
static void runRacePage(char** a, struct Outcome* o) { race(a, o, turnPage); }

// LINK INNOCENT-DIRECTORY FORBIDDEN-DIRECTORY NAME COUNT: the link is exchanged on disk while a name behind it is made.
static void runRaceLink(char** a, struct Outcome* o) {
  struct Swap swap = {.buffer = a[0], .texts = {a[1], a[2]}, .turn = turnLink, .seen = {kEnough, kEnough}};
  char path[kPathSize];
  (void)snprintf(path, sizeof path, "%s/%s", a[0], a[3]);
  turnLink(&swap, 0);
  (void)pthread_create(&swap.thread, NULL, keepTurning, &swap);
  const int count = atoi(a[4]);
  int round = 0;
  for (; goesOn(&swap, round, count); ++round) roundCreate(path);
  endSwap(&swap);
  o->effect = kYes;
  say(o, "%d rounds, %d turns", round, (int)swap.turns);
}

// PROGRAM INNOCENT FORBIDDEN COUNT: the only argument of a program is exchanged while it is being started.
static void runRaceArgument(char** a, struct Outcome* o) {
  struct Swap swap;
  startSwap(&swap, a[1], a[2], turnText);
  const int count = atoi(a[3]);
  char* const argv[] = {a[0], swap.buffer, NULL};
  char* const environment[] = {NULL};
  int ran = 0;
  for (int i = 0; i < count; ++i) {
    const pid_t child = vfork();
    if (child == 0) {
      (void)execve(a[0], argv, environment);
      _exit(126);
    }
    int status = 0;
    if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) ++ran;
  }
  endSwap(&swap);
  o->effect = ran > 0 ? kYes : kNo;
  say(o, "%d of %d ran", ran, count);
}

// INNOCENT FORBIDDEN ARGUMENT COUNT: the program itself is exchanged.
static void runRaceProgram(char** a, struct Outcome* o) {
  struct Swap swap;
  startSwap(&swap, a[0], a[1], turnText);
  const int count = atoi(a[3]);
  char* const argv[] = {a[0], a[2], NULL};
  char* const environment[] = {NULL};
  for (int i = 0; i < count; ++i) {
    const pid_t child = vfork();
    if (child == 0) {
      (void)execve(swap.buffer, argv, environment);
      _exit(126);
    }
    if (child > 0) (void)waitpid(child, NULL, 0);
  }
  endSwap(&swap);
  o->effect = kYes;
  say(o, "%d rounds", count);
}

// FORBIDDEN LIMIT SPARE: with so few descriptors that the answer cannot be handed over, but for those to spare.
static void runOpenWithoutDescriptors(char** a, struct Outcome* o) {
  const rlim_t most = (rlim_t)atoi(a[1]);
  const struct rlimit limit = {most, most};
  note(o, setrlimit(RLIMIT_NOFILE, &limit));
  if (o->effect != kYes) return;
  int last = 0, before = 0;
  while (last >= 0) before = last, last = open("/dev/null", O_RDONLY);
  if (atoi(a[2]) > 0) (void)close(before);
  const int file = open(a[0], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  noteDescriptor(o, file);
}

static volatile sig_atomic_t alarms = 0;
static void onAlarm(int number) {
  (void)number;
  ++alarms;
}

// DIRECTORY COUNT RESTART: files are made by appending one byte under a storm of signals; each must have one byte.
static void runStorm(char** a, struct Outcome* o) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = onAlarm;
  action.sa_flags = strcmp(a[2], "restart") == 0 ? SA_RESTART : 0;
  (void)sigaction(SIGALRM, &action, NULL);
  const struct itimerval every = {{0, 1000}, {0, 1000}};
  (void)setitimer(ITIMER_REAL, &every, NULL);
  int made = 0, wrong = 0;
  for (int i = 0; i < atoi(a[1]); ++i) {
    char path[kPathSize];
    (void)snprintf(path, sizeof path, "%s/storm-%d", a[0], i);
    int file = -1;
    do { file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644); } while (file < 0 && errno == EINTR);
    if (file < 0) ++wrong;  // made already: the interrupted call had its effect
    if (file >= 0) ++made, (void)close(file);
  }
  o->effect = made > 0 ? kYes : kNo;
  say(o, "made=%d wrong=%d alarms=%d", made, wrong, (int)alarms);
}

// PATH COUNT THREADS: opens for writing from many threads at once, as fast as they go.
static char* floodPath;
static int floodCount;
static atomic_int floodError;
static void* flood(void* unused) {
  for (int i = 0; i < floodCount; ++i) {
    const int file = open(floodPath, O_WRONLY | O_APPEND);
    if (file < 0) atomic_store(&floodError, errno);
    writeAndClose(file);
  }
  return unused;
}
static void runFlood(char** a, struct Outcome* o) {
  floodPath = a[0];
  floodCount = atoi(a[1]);
  const int threads = atoi(a[2]);
  pthread_t ids[256];
  int started = 0;
  while (started < threads && started < 256 && pthread_create(&ids[started], NULL, flood, NULL) == 0) ++started;
  for (int i = 0; i < started; ++i) (void)pthread_join(ids[i], NULL);
  o->effect = kYes;
  say(o, "%d threads, last error %d", started, (int)floodError);
}

// PATH COUNT: children that open for writing are killed at a random moment of it.
static void runKilledInside(char** a, struct Outcome* o) {
  for (int i = 0; i < atoi(a[1]); ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) writeAndClose(open(a[0], O_WRONLY | O_APPEND));
    }
    (void)usleep((useconds_t)(i % 50) * 20);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
  }
  const int file = open(a[0], O_WRONLY | O_APPEND);
  noteDescriptor(o, file);
}

const struct Primitive kRacePrimitives[] = {{"race-path", 4, runRacePath},
                                            {"race-page", 4, runRacePage},
                                            {"race-link", 5, runRaceLink},
                                            {"race-argument", 4, runRaceArgument},
                                            {"race-program", 4, runRaceProgram},
                                            {"race-starved", 4, runRaceStarved},
                                            {"open-without-descriptors", 3, runOpenWithoutDescriptors},
                                            {"storm", 3, runStorm},
                                            {"open-flood", 3, runFlood},
                                            {"killed-inside", 2, runKilledInside},
                                            {NULL, 0, NULL}};
