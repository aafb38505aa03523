// Processes that the suite starts outside for the attempts to aim at. Each prints what an attempt needs to know, then
// waits until it is killed.
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe.h"

// a[0] a token that it holds in memory, and in the file behind descriptor 9 (a[1] is that file). With a[2] it owns the
// message queue of that name and wants a signal when a message comes.
static void runVictim(char** a, struct Outcome* o) {
  (void)o;
  char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  (void)snprintf(page, 4096, "%s", a[0]);
  const int file = open(a[1], O_RDONLY);
  if (file >= 0 && file != 9) (void)dup2(file, 9);
  if (a[2] != NULL) {
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 256};
    const struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    (void)mq_unlink(a[2]);
    (void)mq_notify(mq_open(a[2], O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attributes), &event);
  }
  char line[128];
  const int length = snprintf(line, sizeof line, "%d %lx\n", getpid(), (unsigned long)page);
  (void)!write(STDOUT_FILENO, line, (size_t)length);
  char before[64];
  (void)snprintf(before, sizeof before, "%s", page);
  while (1) (void)pause();
}

// Ignores every signal that can be ignored, with a child that does the same.
static void runStubborn(char** a, struct Outcome* o) {
  (void)a;
  (void)o;
  for (int signal_number = 1; signal_number < 65; ++signal_number) (void)signal(signal_number, SIG_IGN);
  (void)fork();
  (void)!write(STDOUT_FILENO, "stubborn\n", 9);
  while (1) (void)sleep(1);
}

const struct Primitive kVictimPrimitives[] = {{"victim", 2, runVictim}, {"stubborn", 0, runStubborn}, {NULL, 0, NULL}};
