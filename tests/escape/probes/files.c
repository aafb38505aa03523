// Attempts on files: contents, names, links, handles, descriptors.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

static void readOpen(struct Outcome* o, int file) {
  note(o, file);
  if (file < 0) return;
  readInto(o, file);
  (void)close(file);
}

static void writeOpen(struct Outcome* o, int file) {
  note(o, file);
  if (file < 0) return;
  note(o, write(file, "escaped\n", 8));
  (void)close(file);
}

static int open2(const char* path, uint64_t flags, uint64_t mode) {
  const struct open_how how = {.flags = flags, .mode = mode};
  return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

static void runRead(char** a, struct Outcome* o) { readOpen(o, open(a[0], O_RDONLY | O_NONBLOCK)); }
static void runReadOpenat2(char** a, struct Outcome* o) { readOpen(o, open2(a[0], O_RDONLY, 0)); }
static void runWrite(char** a, struct Outcome* o) { writeOpen(o, open(a[0], O_WRONLY | O_APPEND | O_NONBLOCK)); }
static void runWriteOpenat2(char** a, struct Outcome* o) { writeOpen(o, open2(a[0], O_WRONLY | O_APPEND, 0)); }
// Only opens for writing: for objects whose content must not change even in a control.
static void runOpenWrite(char** a, struct Outcome* o) { noteDescriptor(o, open(a[0], O_WRONLY | O_NONBLOCK)); }
static void runOpenReadWrite(char** a, struct Outcome* o) {
  noteDescriptor(o, open(a[0], O_RDWR | O_NONBLOCK | O_NOCTTY));
}
static void runCreate(char** a, struct Outcome* o) { writeOpen(o, open(a[0], O_CREAT | O_EXCL | O_WRONLY, 0644)); }
static void runCreat(char** a, struct Outcome* o) { writeOpen(o, (int)syscall(SYS_creat, a[0], 0644)); }
static void runCreateOpenat2(char** a, struct Outcome* o) { writeOpen(o, open2(a[0], O_CREAT | O_WRONLY, 0644)); }
// Makes every folder on the way, then the file.
static void runPlant(char** a, struct Outcome* o) {
  char path[PATH_MAX];
  (void)snprintf(path, sizeof path, "%s", a[0]);
  for (char* slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    (void)mkdir(path, 0755);
    *slash = '/';
  }
  writeOpen(o, open(path, O_CREAT | O_WRONLY | O_TRUNC, 0755));
}
static void runMkdir(char** a, struct Outcome* o) { note(o, mkdir(a[0], 0755)); }
static void runRmdir(char** a, struct Outcome* o) { note(o, rmdir(a[0])); }
static void runUnlink(char** a, struct Outcome* o) { note(o, unlink(a[0])); }
static void runSymlink(char** a, struct Outcome* o) { note(o, symlink(a[0], a[1])); }
static void runRename(char** a, struct Outcome* o) { note(o, rename(a[0], a[1])); }
static void runLink(char** a, struct Outcome* o) { note(o, linkat(AT_FDCWD, a[0], AT_FDCWD, a[1], 0)); }
static void runTruncate(char** a, struct Outcome* o) { note(o, truncate(a[0], 1)); }
static void runMknodFile(char** a, struct Outcome* o) { note(o, mknod(a[0], S_IFREG | 0644, 0)); }

static void runRenameExchange(char** a, struct Outcome* o) {
  note(o, syscall(SYS_renameat2, AT_FDCWD, a[0], AT_FDCWD, a[1], 2 /* RENAME_EXCHANGE */));
}

// Links the outside file to a name of one's own, then writes through that name.
static void runLinkWrite(char** a, struct Outcome* o) {
  note(o, linkat(AT_FDCWD, a[0], AT_FDCWD, a[1], 0));
  if (o->effect == kYes) writeOpen(o, open(a[1], O_WRONLY | O_APPEND));
}

// Makes a symbolic link a[1] -> a[0] and reads, respectively writes, through it.
static void runSymlinkRead(char** a, struct Outcome* o) {
  (void)unlink(a[1]);
  if (symlink(a[0], a[1]) != 0) say(o, "symlink errno %d ", errno);
  readOpen(o, open(a[1], O_RDONLY));
}
static void runSymlinkWrite(char** a, struct Outcome* o) {
  (void)unlink(a[1]);
  if (symlink(a[0], a[1]) != 0) say(o, "symlink errno %d ", errno);
  writeOpen(o, open(a[1], O_WRONLY | O_APPEND));
}

static void runTmpfileLink(char** a, struct Outcome* o) {
  const int file = open(a[0], O_TMPFILE | O_RDWR, 0644);
  note(o, file);
  if (file < 0) return;
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  note(o, linkat(AT_FDCWD, path, AT_FDCWD, a[1], AT_SYMLINK_FOLLOW));
  (void)close(file);
}

static void runFtruncate(char** a, struct Outcome* o) {
  const int file = open(a[0], O_RDWR);
  note(o, file);
  if (file < 0) return;
  note(o, ftruncate(file, 1));
  (void)close(file);
}

static void runFallocate(char** a, struct Outcome* o) {
  const int file = open(a[0], O_RDWR);
  note(o, file);
  if (file < 0) return;
  note(o, fallocate(file, 0, 0, 65536));
  (void)close(file);
}

static void runCopyRange(char** a, struct Outcome* o) {
  const int from = open(a[0], O_RDONLY);
  const int to = open(a[1], O_WRONLY | O_APPEND);
  note(o, from < 0 ? from : to);
  if (o->effect == kYes) {
    const ssize_t copied = copy_file_range(from, NULL, to, NULL, 64, 0);
    note(o, copied);
    if (copied < 0 && errno == EBADF) {  // the call refuses O_APPEND
      const int plain = open(a[1], O_WRONLY);
      note(o, copy_file_range(from, NULL, plain, NULL, 64, 0));
    }
  }
}

// Opens for reading (or O_PATH) and opens the same object again for writing through its magic link.
static void reopen(char** a, struct Outcome* o, int flags) {
  const int file = open(a[0], flags);
  note(o, file);
  if (file < 0) return;
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  writeOpen(o, open(path, O_WRONLY | O_APPEND));
  (void)close(file);
}
static void runReopen(char** a, struct Outcome* o) { reopen(a, o, O_RDONLY); }
static void runReopenPath(char** a, struct Outcome* o) { reopen(a, o, O_PATH); }

static void runChdirRead(char** a, struct Outcome* o) {
  note(o, chdir(a[0]));
  if (o->effect == kYes) readOpen(o, open(a[1], O_RDONLY));
}

// Reads a[1] relative to the inherited descriptor a[0].
static void runReadAt(char** a, struct Outcome* o) { readOpen(o, openat(atoi(a[0]), a[1], O_RDONLY)); }
static void runFchdirRead(char** a, struct Outcome* o) {
  note(o, fchdir(atoi(a[0])));
  if (o->effect == kYes) readOpen(o, open(a[1], O_RDONLY));
}
static void runReadDescriptor(char** a, struct Outcome* o) { readInto(o, atoi(a[0])); }
static void runWriteDescriptor(char** a, struct Outcome* o) { note(o, write(atoi(a[0]), "escaped\n", 8)); }

static void handleOf(char** a, struct Outcome* o) {
  struct {
    struct file_handle head;
    unsigned char bytes[128];
  } handle = {.head = {.handle_bytes = 128}};
  int mount = 0;
  const int got = name_to_handle_at(AT_FDCWD, a[0], &handle.head, &mount, 0);
  note(o, got);
  if (got != 0) return;
  say(o, "handle of %u bytes", handle.head.handle_bytes);
  const int base = open(a[1], O_RDONLY | O_DIRECTORY);
  const int file = open_by_handle_at(base, &handle.head, O_RDONLY);
  if (file >= 0)
    readInto(o, file);
  else
    say(o, ", open errno %d", errno);
}
static void runHandle(char** a, struct Outcome* o) { handleOf(a, o); }

// A made-up handle: the root inode of an ext4 file system.
static void runForgedHandle(char** a, struct Outcome* o) {
  struct {
    struct file_handle head;
    uint32_t bytes[2];
  } handle = {.head = {.handle_bytes = 8, .handle_type = 1}, .bytes = {2, 0}};
  const int base = open(a[0], O_RDONLY | O_DIRECTORY);
  noteDescriptor(o, open_by_handle_at(base, &handle.head, O_RDONLY));
}

static void runUsernsHandle(char** a, struct Outcome* o) {
  note(o, unshare(CLONE_NEWUSER));
  if (o->effect == kYes) handleOf(a, o);
}

// Waits up to two seconds for one event about the path; the suite touches it all the time.
static void runInotify(char** a, struct Outcome* o) {
  const int watch = inotify_init1(IN_CLOEXEC);
  note(o, inotify_add_watch(watch, a[0], IN_ALL_EVENTS));
  if (o->effect != kYes) return;
  struct pollfd poller = {.fd = watch, .events = POLLIN};
  o->effect = poll(&poller, 1, 2000) == 1 ? kYes : kNo;
}

static void runFanotify(char** a, struct Outcome* o) {
  const int group = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY);
  note(o, group);
  if (group < 0) return;
  note(o, fanotify_mark(group, FAN_MARK_ADD, FAN_MODIFY | FAN_OPEN | FAN_EVENT_ON_CHILD, AT_FDCWD, a[0]));
  if (o->effect != kYes) return;
  struct pollfd poller = {.fd = group, .events = POLLIN};
  o->effect = poll(&poller, 1, 2000) == 1 ? kYes : kNo;
}

static void runDnotify(char** a, struct Outcome* o) {
  const int directory = open(a[0], O_RDONLY | O_DIRECTORY);
  note(o, directory);
  if (directory < 0) return;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGIO);
  (void)sigprocmask(SIG_BLOCK, &signals, NULL);
  note(o, fcntl(directory, F_NOTIFY, DN_ACCESS | DN_MODIFY | DN_CREATE | DN_MULTISHOT));
  if (o->effect != kYes) return;
  const struct timespec patience = {.tv_sec = 2};
  o->effect = sigtimedwait(&signals, NULL, &patience) == SIGIO ? kYes : kNo;
}

static void runStat(char** a, struct Outcome* o) {
  struct stat status;
  note(o, lstat(a[0], &status));
}
static void runAccess(char** a, struct Outcome* o) { note(o, access(a[0], F_OK)); }
static void runStatfs(char** a, struct Outcome* o) {
  struct statfs status;
  note(o, statfs(a[0], &status));
}
static void runGetxattr(char** a, struct Outcome* o) {
  char value[256] = "";
  note(o, getxattr(a[0], "user.canary", value, sizeof value - 1));
  say(o, "%s", value);
}

// The names in a directory.
static void runList(char** a, struct Outcome* o) {
  DIR* directory = opendir(a[0]);
  o->error = directory == NULL ? errno : 0;
  o->effect = directory == NULL ? kNo : kYes;
  if (directory == NULL) return;
  for (struct dirent* entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) say(o, "%s ", entry->d_name);
  }
  (void)closedir(directory);
}

static void runOpenTree(char** a, struct Outcome* o) {
  const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, a[0], O_CLOEXEC);
  note(o, tree);
  if (tree >= 0) readOpen(o, openat(tree, a[1], O_RDONLY));
}

const struct Primitive kFilePrimitives[] = {{"read", 1, runRead},
                                            {"read_openat2", 1, runReadOpenat2},
                                            {"write", 1, runWrite},
                                            {"write_openat2", 1, runWriteOpenat2},
                                            {"open_write", 1, runOpenWrite},
                                            {"open_rw", 1, runOpenReadWrite},
                                            {"create", 1, runCreate},
                                            {"creat", 1, runCreat},
                                            {"create_openat2", 1, runCreateOpenat2},
                                            {"mkdir", 1, runMkdir},
                                            {"plant", 1, runPlant},
                                            {"rmdir", 1, runRmdir},
                                            {"unlink", 1, runUnlink},
                                            {"symlink", 2, runSymlink},
                                            {"rename", 2, runRename},
                                            {"rename_exchange", 2, runRenameExchange},
                                            {"link", 2, runLink},
                                            {"link_write", 2, runLinkWrite},
                                            {"symlink_read", 2, runSymlinkRead},
                                            {"symlink_write", 2, runSymlinkWrite},
                                            {"tmpfile_link", 2, runTmpfileLink},
                                            {"truncate", 1, runTruncate},
                                            {"ftruncate", 1, runFtruncate},
                                            {"fallocate", 1, runFallocate},
                                            {"copy_range", 2, runCopyRange},
                                            {"mknod_file", 1, runMknodFile},
                                            {"reopen", 1, runReopen},
                                            {"reopen_path", 1, runReopenPath},
                                            {"chdir_read", 2, runChdirRead},
                                            {"read_at", 2, runReadAt},
                                            {"fchdir_read", 2, runFchdirRead},
                                            {"read_fd", 1, runReadDescriptor},
                                            {"write_fd", 1, runWriteDescriptor},
                                            {"handle", 2, runHandle},
                                            {"forged_handle", 1, runForgedHandle},
                                            {"userns_handle", 2, runUsernsHandle},
                                            {"inotify", 1, runInotify},
                                            {"fanotify", 1, runFanotify},
                                            {"dnotify", 1, runDnotify},
                                            {"stat", 1, runStat},
                                            {"access", 1, runAccess},
                                            {"statfs", 1, runStatfs},
                                            {"getxattr", 1, runGetxattr},
                                            {"list", 1, runList},
                                            {"open_tree", 2, runOpenTree},
                                            {NULL, 0, NULL}};
