// Attempts on what belongs to a file beside its content: mode, owner, times, attributes, flags, device nodes, set-id
// bits.
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define NR_SETXATTRAT 463
#define NR_FILE_SETATTR 469

static void runChmod(char** a, struct Outcome* o) { note(o, chmod(a[0], 0604)); }
static void runFchmodat2(char** a, struct Outcome* o) { note(o, syscall(SYS_fchmodat2, AT_FDCWD, a[0], 0604, 0)); }
// To the same owner: permitted for an owner, and it moves the change time.
static void runChown(char** a, struct Outcome* o) { note(o, chown(a[0], getuid(), getgid())); }
static void runUtimens(char** a, struct Outcome* o) {
  const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
  note(o, utimensat(AT_FDCWD, a[0], times, 0));
}
static void runSetxattr(char** a, struct Outcome* o) { note(o, setxattr(a[0], "user.escaped", "1", 1, 0)); }
static void runSetxattrat(char** a, struct Outcome* o) {
  static const char value[] = "1";
  const struct {
    uint64_t value;
    uint32_t size;
    uint32_t flags;
  } arguments = {(uint64_t)(uintptr_t)value, 1, 0};
  note(o, syscall(NR_SETXATTRAT, AT_FDCWD, a[0], 0, "user.escaped2", &arguments, sizeof arguments));
}
static void runFileSetattr(char** a, struct Outcome* o) {
  // struct file_attr with FS_XFLAG_NODUMP.
  const struct {
    uint64_t flags;
    uint32_t extent, cow, project, nextents;
  } attributes = {.flags = 0x80};
  note(o, syscall(NR_FILE_SETATTR, AT_FDCWD, a[0], &attributes, sizeof attributes, 0));
}
static void runSetflags(char** a, struct Outcome* o) {
  const int file = open(a[0], O_RDONLY);
  note(o, file);
  if (file < 0) return;
  int flags = 0;
  note(o, ioctl(file, FS_IOC_GETFLAGS, &flags));
  flags |= FS_NODUMP_FL;
  if (o->effect == kYes) note(o, ioctl(file, FS_IOC_SETFLAGS, &flags));
  (void)close(file);
}

// "c", "b", "p" or "s", then path, major, minor.
static void runMknod(char** a, struct Outcome* o) {
  const mode_t type = a[0][0] == 'c' ? S_IFCHR : a[0][0] == 'b' ? S_IFBLK : a[0][0] == 'p' ? S_IFIFO : S_IFSOCK;
  note(o, mknod(a[1], type | 0666, makedev((unsigned)atoi(a[2]), (unsigned)atoi(a[3]))));
}

static void setidCreated(char** a, struct Outcome* o, int made) {
  struct stat status;
  note(o, made);
  if (made < 0) return;
  note(o, stat(a[0], &status));
  if (o->effect != kYes) return;
  o->effect = (status.st_mode & (S_ISUID | S_ISGID)) != 0 ? kYes : kNo;
  say(o, "mode %o", status.st_mode & 07777);
}
static void runSetidOpen(char** a, struct Outcome* o) {
  (void)umask(0);
  setidCreated(a, o, open(a[0], O_CREAT | O_EXCL | O_WRONLY, 06755));
}
static void runSetidCreat(char** a, struct Outcome* o) {
  (void)umask(0);
  setidCreated(a, o, (int)syscall(SYS_creat, a[0], 04755));
}
static void runSetidMknod(char** a, struct Outcome* o) {
  (void)umask(0);
  setidCreated(a, o, mknod(a[0], S_IFREG | 06755, 0));
}
static void runSetidMkdir(char** a, struct Outcome* o) {
  (void)umask(0);
  setidCreated(a, o, mkdir(a[0], 02755) == 0 ? chmod(a[0], 02755) : -1);
}
static void runSetidChmod(char** a, struct Outcome* o) {
  (void)close(open(a[0], O_CREAT | O_WRONLY, 0755));
  setidCreated(a, o, chmod(a[0], 06755));
}
static void runSetidFchmod(char** a, struct Outcome* o) {
  const int file = open(a[0], O_CREAT | O_RDWR, 0755);
  setidCreated(a, o, fchmod(file, 04755));
}
static void runSetidFchmodat2(char** a, struct Outcome* o) {
  (void)close(open(a[0], O_CREAT | O_WRONLY, 0755));
  setidCreated(a, o, (int)syscall(SYS_fchmodat2, AT_FDCWD, a[0], 04755, 0));
}
static void runSetidOpenat2(char** a, struct Outcome* o) {
  const struct { uint64_t flags, mode, resolve; } how = {O_CREAT | O_EXCL | O_WRONLY, 04755, 0};
  (void)umask(0);
  setidCreated(a, o, (int)syscall(SYS_openat2, AT_FDCWD, a[0], &how, sizeof how));
}

static void runCapabilityXattr(char** a, struct Outcome* o) {
  static const unsigned char value[20] = {1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff};
  (void)close(open(a[0], O_CREAT | O_WRONLY, 0755));
  note(o, setxattr(a[0], "security.capability", value, sizeof value, 0));
}

// Runs the program and reports what it printed.
static void runProgram(char** a, struct Outcome* o) {
  int pipes[2];
  if (pipe(pipes) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    (void)dup2(pipes[1], STDOUT_FILENO);
    (void)execv(a[0], a);
    dprintf(STDOUT_FILENO, "exec errno %d", errno);
    _exit(127);
  }
  (void)close(pipes[1]);
  readInto(o, pipes[0]);
  (void)waitpid(child, NULL, 0);
}

// Executes the copy of a program in an anonymous file.
static void runMemfdExec(char** a, struct Outcome* o) {
  const int source = open(a[0], O_RDONLY);
  const int memory = memfd_create("escape", 0);
  note(o, memory < 0 ? memory : source);
  if (o->effect != kYes) return;
  char buffer[65536];
  for (ssize_t got = read(source, buffer, sizeof buffer); got > 0; got = read(source, buffer, sizeof buffer)) {
    (void)!write(memory, buffer, (size_t)got);
  }
  const pid_t child = fork();
  if (child == 0) {
    char* const argv[] = {a[0], a[1], a[2], NULL};
    char* const environment[] = {NULL};
    (void)syscall(SYS_execveat, memory, "", argv, environment, AT_EMPTY_PATH);
    _exit(127);
  }
  int status = 0;
  (void)waitpid(child, &status, 0);
  o->effect = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? kYes : kNo;
}

static void runMapExecutable(char** a, struct Outcome* o) {
  const int file = open(a[0], O_RDONLY);
  note(o, file);
  if (file < 0) return;
  void* mapped = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  o->error = mapped == MAP_FAILED ? errno : 0;
  o->effect = mapped == MAP_FAILED ? kNo : kYes;
}

const struct Primitive kMetadataPrimitives[] = {{"chmod", 1, runChmod},
                                                {"fchmodat2", 1, runFchmodat2},
                                                {"chown", 1, runChown},
                                                {"utimens", 1, runUtimens},
                                                {"setxattr", 1, runSetxattr},
                                                {"setxattrat", 1, runSetxattrat},
                                                {"file_setattr", 1, runFileSetattr},
                                                {"setflags", 1, runSetflags},
                                                {"mknod", 4, runMknod},
                                                {"setid_open", 1, runSetidOpen},
                                                {"setid_creat", 1, runSetidCreat},
                                                {"setid_mknod", 1, runSetidMknod},
                                                {"setid_mkdir", 1, runSetidMkdir},
                                                {"setid_chmod", 1, runSetidChmod},
                                                {"setid_fchmod", 1, runSetidFchmod},
                                                {"setid_fchmodat2", 1, runSetidFchmodat2},
                                                {"setid_openat2", 1, runSetidOpenat2},
                                                {"capability_xattr", 1, runCapabilityXattr},
                                                {"program", 1, runProgram},
                                                {"memfd_exec", 3, runMemfdExec},
                                                {"map_exec", 1, runMapExecutable},
                                                {NULL, 0, NULL}};
