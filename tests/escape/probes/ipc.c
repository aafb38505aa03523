// Attempts through what processes of one user share: System V and POSIX objects, keyrings, terminals.
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

// a[0] key: what a shared memory segment of that key holds.
static void runShmRead(char** a, struct Outcome* o) {
  const int segment = shmget((key_t)strtol(a[0], NULL, 0), 0, 0);
  note(o, segment);
  if (segment < 0) return;
  const char* memory = shmat(segment, NULL, SHM_RDONLY);
  if (memory != (const char*)-1) say(o, "%.64s", memory);
}
// Used by the suite outside: makes the segment, prints its id.
static void runShmMake(char** a, struct Outcome* o) {
  const int segment = shmget((key_t)strtol(a[0], NULL, 0), 4096, IPC_CREAT | 0600);
  note(o, segment);
  if (segment < 0) return;
  char* memory = shmat(segment, NULL, 0);
  (void)snprintf(memory, 4096, "%s", a[1]);
  say(o, "%d", segment);
}
static void runShmRemove(char** a, struct Outcome* o) {
  note(o, shmctl(shmget((key_t)strtol(a[0], NULL, 0), 0, 0), IPC_RMID, NULL));
}
static void runSemGet(char** a, struct Outcome* o) { note(o, semget((key_t)strtol(a[0], NULL, 0), 0, 0)); }
static void runSemMake(char** a, struct Outcome* o) {
  note(o, semget((key_t)strtol(a[0], NULL, 0), 1, IPC_CREAT | 0600));
}
static void runSemRemove(char** a, struct Outcome* o) {
  note(o, semctl(semget((key_t)strtol(a[0], NULL, 0), 0, 0), 0, IPC_RMID));
}
static void runMsgGet(char** a, struct Outcome* o) {
  struct {
    long type;
    char text[128];
  } message = {0};
  const int queue = msgget((key_t)strtol(a[0], NULL, 0), 0);
  note(o, queue);
  if (queue < 0) return;
  note(o, msgrcv(queue, &message, sizeof message.text, 0, IPC_NOWAIT));
  say(o, "%.100s", message.text);
}
static void runMsgMake(char** a, struct Outcome* o) {
  struct {
    long type;
    char text[128];
  } message = {.type = 1};
  (void)snprintf(message.text, sizeof message.text, "%s", a[1]);
  const int queue = msgget((key_t)strtol(a[0], NULL, 0), IPC_CREAT | 0600);
  note(o, queue < 0 ? queue : msgsnd(queue, &message, strlen(message.text) + 1, IPC_NOWAIT));
}
static void runMsgRemove(char** a, struct Outcome* o) {
  note(o, msgctl(msgget((key_t)strtol(a[0], NULL, 0), 0), IPC_RMID, NULL));
}
static void runMqRead(char** a, struct Outcome* o) {
  const mqd_t queue = mq_open(a[0], O_RDONLY | O_NONBLOCK);
  note(o, queue);
  if (queue < 0) return;
  char text[256] = "";
  note(o, mq_receive(queue, text, sizeof text, NULL));
  say(o, "%.200s", text);
}
static void runMqMake(char** a, struct Outcome* o) {
  struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 256};
  const mqd_t queue = mq_open(a[0], O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attributes);
  note(o, queue < 0 ? queue : mq_send(queue, a[1], strlen(a[1]), 0));
}
static void runMqRemove(char** a, struct Outcome* o) { note(o, mq_unlink(a[0])); }

static void runAddKey(char** a, struct Outcome* o) {
  note(o, syscall(SYS_add_key, "user", a[0], "secret", 6UL, (long)atoi(a[1])));
}
static void runFindKey(char** a, struct Outcome* o) {
  const long key = syscall(SYS_keyctl, KEYCTL_SEARCH, (long)KEY_SPEC_USER_KEYRING, "user", a[0], 0L);
  note(o, key);
  if (key < 0) return;
  char text[64] = "";
  (void)syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof text - 1, 0L);
  say(o, "%s", text);
}
static void runRemoveKey(char** a, struct Outcome* o) {
  const long key = syscall(SYS_keyctl, KEYCTL_SEARCH, (long)KEY_SPEC_USER_KEYRING, "user", a[0], 0L);
  note(o, key < 0 ? key : syscall(SYS_keyctl, KEYCTL_UNLINK, key, (long)KEY_SPEC_USER_KEYRING));
}
// Asks for a key by name. A service's session does not hold the user's keyring, so the process takes it in first.
static void runRequestKey(char** a, struct Outcome* o) {
  (void)syscall(SYS_keyctl, KEYCTL_LINK, (long)KEY_SPEC_USER_KEYRING, (long)KEY_SPEC_PROCESS_KEYRING);
  note(o, syscall(SYS_request_key, "user", a[0], NULL, 0L));
}

// Writes the text to a terminal by path.
static void runTerminalWrite(char** a, struct Outcome* o) {
  const int terminal = open(a[0], O_WRONLY | O_NOCTTY | O_NONBLOCK);
  note(o, terminal);
  if (terminal >= 0) note(o, write(terminal, a[1], strlen(a[1])));
}
// Takes the terminal as its own.
static void runTerminalSteal(char** a, struct Outcome* o) {
  if (fork() != 0) {
    (void)usleep(300000);
    return;
  }
  (void)setsid();
  const int terminal = open(a[0], O_RDWR);
  note(o, terminal < 0 ? terminal : ioctl(terminal, TIOCSCTTY, 0));
}
static void runPeer(char** a, struct Outcome* o) {
  const int multiplexer = open(a[0], O_RDWR | O_NOCTTY);
  note(o, multiplexer < 0 ? multiplexer : ioctl(multiplexer, TIOCGPTPEER, O_RDWR | O_NOCTTY));
}

const struct Primitive kIpcPrimitives[] = {{"shm_read", 1, runShmRead},        {"shm_make", 2, runShmMake},
                                           {"shm_remove", 1, runShmRemove},    {"sem_get", 1, runSemGet},
                                           {"sem_make", 1, runSemMake},        {"sem_remove", 1, runSemRemove},
                                           {"msg_get", 1, runMsgGet},          {"msg_make", 2, runMsgMake},
                                           {"msg_remove", 1, runMsgRemove},    {"mq_read", 1, runMqRead},
                                           {"mq_make", 2, runMqMake},          {"mq_remove", 1, runMqRemove},
                                           {"add_key", 2, runAddKey},          {"find_key", 1, runFindKey},
                                           {"remove_key", 1, runRemoveKey},    {"request_key", 1, runRequestKey},
                                           {"tty_write", 2, runTerminalWrite}, {"tty_steal", 1, runTerminalSteal},
                                           {"tty_peer", 1, runPeer},           {NULL, 0, NULL}};
