// Attempts to reach somebody: sockets of every family, services on this machine, passed descriptors.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

// The address of a path, or of "@name" in the abstract namespace; its length. What is too long is cut.
static socklen_t unixAddress(const char* name, struct sockaddr_un* address) {
  const size_t room = sizeof address->sun_path - 1, length = strlen(name) < room ? strlen(name) : room;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, name, length);
  if (name[0] == '@') address->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

// a[0] path, or "@name" for the abstract namespace. Sends a line and reads what comes back.
static void runConnectUnix(char** a, struct Outcome* o) {
  struct sockaddr_un address;
  const socklen_t length = unixAddress(a[0], &address);
  static const int kTypes[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
  for (int i = 0; i < 3; ++i) {
    const int peer = socket(AF_UNIX, kTypes[i], 0);
    note(o, connect(peer, (const struct sockaddr*)&address, length));
    if (o->effect == kYes) {
      (void)!send(peer, "escaped\n", 8, MSG_NOSIGNAL);
      const struct timeval patience = {.tv_usec = 300000};
      (void)setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      char reply[256] = "";
      if (read(peer, reply, sizeof reply - 1) > 0) say(o, "%s", reply);
    }
    (void)close(peer);
    if (o->error != EPROTOTYPE) return;
  }
}

// Receives one descriptor from the listener a[0] and reads from it.
static void runReceive(char** a, struct Outcome* o) {
  struct sockaddr_un address;
  const socklen_t length = unixAddress(a[0], &address);
  const int peer = socket(AF_UNIX, SOCK_STREAM, 0);
  note(o, connect(peer, (const struct sockaddr*)&address, length));
  if (o->effect != kYes) return;
  const struct timeval patience = {.tv_sec = 2};
  (void)setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char byte;
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  note(o, recvmsg(peer, &message, 0));
  const struct cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head == NULL || head->cmsg_type != SCM_RIGHTS) return;
  int received;
  memcpy(&received, CMSG_DATA(head), sizeof received);
  readInto(o, received);
}

static struct sockaddr_in inet(char** a) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(a[1]))};
  (void)inet_pton(AF_INET, a[0], &address.sin_addr);
  return address;
}
static void runConnectTcp(char** a, struct Outcome* o) {
  const struct sockaddr_in address = inet(a);
  const int peer = socket(AF_INET, SOCK_STREAM, a[2] != NULL ? atoi(a[2]) : 0);
  note(o, connect(peer, (const struct sockaddr*)&address, sizeof address));
  if (o->effect == kYes) (void)!send(peer, "escaped\n", 8, MSG_NOSIGNAL);
}
static void runSendUdp(char** a, struct Outcome* o) {
  const struct sockaddr_in address = inet(a);
  const int peer = socket(AF_INET, SOCK_DGRAM, 0);
  note(o, sendto(peer, "escaped\n", 8, 0, (const struct sockaddr*)&address, sizeof address));
}

// Every family 0 to 45 and type, except the families of a[0] ("1,2,10"): what could be made, "family/type".
static void runFamilies(char** a, struct Outcome* o) {
  static const int kTypes[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
  o->effect = kNo;
  for (int family = 0; family <= 45; ++family) {
    char needle[8], haystack[64];
    (void)snprintf(needle, sizeof needle, ",%d,", family);
    (void)snprintf(haystack, sizeof haystack, ",%s,", a[0]);
    if (strstr(haystack, needle) != NULL) continue;
    for (int i = 0; i < 4; ++i) {
      const int made = socket(family, kTypes[i], 0);
      if (made < 0) continue;
      o->effect = kYes;
      say(o, "%d/%d ", family, kTypes[i]);
      (void)close(made);
    }
    int pair[2];
    if (family != AF_UNIX && socketpair(family, SOCK_STREAM, 0, pair) == 0) say(o, "pair of %d ", family);
  }
}
// One socket: family, type, protocol; effect when it exists and is of that protocol.
static void runSocket(char** a, struct Outcome* o) {
  const int made = socket(atoi(a[0]), atoi(a[1]), atoi(a[2]));
  note(o, made);
  if (made < 0) return;
  int protocol = -1;
  socklen_t size = sizeof protocol;
  (void)getsockopt(made, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
  say(o, "protocol %d", protocol);
  (void)close(made);
}

// Binds a listener at a[0] and waits up to two seconds for somebody.
static void runListenUnix(char** a, struct Outcome* o) {
  struct sockaddr_un address;
  const socklen_t length = unixAddress(a[0], &address);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  note(o, bind(listener, (const struct sockaddr*)&address, length));
  if (o->effect != kYes || listen(listener, 4) != 0) return;
  if (a[0][0] != '@') (void)chmod(a[0], 0777);
  const struct timeval patience = {.tv_sec = atoi(a[1])};
  (void)setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  note(o, accept(listener, NULL, NULL));
}

const struct Primitive kSocketPrimitives[] = {{"connect_unix", 1, runConnectUnix}, {"receive", 1, runReceive},
                                              {"connect_tcp", 2, runConnectTcp},   {"send_udp", 2, runSendUdp},
                                              {"families", 1, runFamilies},        {"socket", 3, runSocket},
                                              {"listen_unix", 2, runListenUnix},   {NULL, 0, NULL}};
