// The same calls, made natively and through a warden, in equal trees: the same result, the same errno, the same effect.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sdk/base/io.h"
#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::test;

namespace {

struct Case {
  const char* name;
  std::function<long()> act;
};

const std::string kLongName = "/mnt/" + std::string(256, 'n');
const std::string kLongPath = "/mnt" + [] {
  std::string text;
  while (text.size() < 5000) text += "/.";
  return text;
}();

// A descriptor's number says nothing: what it is, how it was opened and what can be done with it does.
long opened(long fd) {
  if (fd < 0) return fd;
  struct stat status {};
  if (::fstat(static_cast<int>(fd), &status) != 0) return -100;
  const int flags = ::fcntl(static_cast<int>(fd), F_GETFL);
  const int onExec = ::fcntl(static_cast<int>(fd), F_GETFD);
  const long wrote = S_ISREG(status.st_mode) ? ::write(static_cast<int>(fd), "w", 1) : 0;
  ::close(static_cast<int>(fd));
  return (status.st_mode & S_IFMT) + (static_cast<long>(flags & ~O_LARGEFILE) << 20) +
         (static_cast<long>(onExec) << 16) + (wrote == 1 ? 1 : 0) + (static_cast<long>(status.st_mode & 07777) << 48);
}
long openAs(const char* path, int flags, int mode = 0644) { return opened(::open(path, flags, mode)); }
long openHow(const char* path, std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve, std::size_t size = 24) {
  struct {
    open_how how;
    std::uint64_t more[4];
  } argument{{flags, mode, resolve}, {}};
  return opened(::syscall(SYS_openat2, AT_FDCWD, path, &argument, size));
}
long at(const char* directory, const std::function<long(int)>& act) {
  const int fd = ::open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -200;
  const long result = act(fd);
  const int error = errno;
  ::close(fd);
  errno = error;
  return result;
}
long in(const char* directory, const std::function<long()>& act) {
  if (::chdir(directory) != 0) return -300;
  const long result = act();
  const int error = errno;
  (void)!::chdir("/");
  errno = error;
  return result;
}
long with(int flags, const char* path, const std::function<long(int)>& act) {
  const int fd = ::open(path, flags | O_CLOEXEC);
  if (fd < 0) return -400;
  const long result = act(fd);
  const int error = errno;
  ::close(fd);
  errno = error;
  return result;
}
const timespec kTimes[2] = {{1000000000, 5}, {1000000001, 6}};

std::vector<Case> opens() {
  return {
      {"open for writing", [] { return openAs("/mnt/file", O_WRONLY); }},
      {"open for both with append", [] { return openAs("/mnt/file", O_RDWR | O_APPEND | O_CLOEXEC); }},
      {"truncate", [] { return openAs("/mnt/long", O_WRONLY | O_TRUNC); }},
      {"truncate while reading", [] { return openAs("/mnt/long2", O_RDONLY | O_TRUNC); }},
      {"create", [] { return openAs("/mnt/new1", O_CREAT | O_WRONLY, 0666); }},
      {"create for reading", [] { return openAs("/mnt/new2", O_CREAT | O_RDONLY, 0600); }},
      {"create without any right", [] { return openAs("/mnt/new3", O_CREAT | O_WRONLY, 0); }},
      {"create what is there", [] { return openAs("/mnt/file", O_CREAT | O_WRONLY); }},
      {"create exclusively", [] { return openAs("/mnt/new4", O_CREAT | O_EXCL | O_RDWR); }},
      {"create exclusively what is there", [] { return openAs("/mnt/file", O_CREAT | O_EXCL | O_WRONLY); }},
      {"create exclusively over a dangling link", [] { return openAs("/mnt/dangling", O_CREAT | O_EXCL | O_WRONLY); }},
      {"create through a dangling link", [] { return openAs("/mnt/dangling", O_CREAT | O_WRONLY); }},
      {"create through a chain of dangling links", [] { return openAs("/mnt/chain", O_CREAT | O_WRONLY); }},
      {"create through a link to nowhere", [] { return openAs("/mnt/nowhere", O_CREAT | O_WRONLY); }},
      {"create without following a dangling link",
       [] { return openAs("/mnt/dangling2", O_CREAT | O_WRONLY | O_NOFOLLOW); }},
      {"open through a link", [] { return openAs("/mnt/link", O_WRONLY); }},
      {"open through an absolute link", [] { return openAs("/mnt/absolute", O_WRONLY); }},
      {"open a link without following", [] { return openAs("/mnt/link", O_WRONLY | O_NOFOLLOW); }},
      {"open through links in a circle", [] { return openAs("/mnt/circle", O_WRONLY | O_CREAT); }},
      {"open a directory for writing", [] { return openAs("/mnt/dir", O_WRONLY); }},
      {"create a directory", [] { return openAs("/mnt/dir", O_CREAT | O_RDONLY); }},
      {"create with a slash behind", [] { return openAs("/mnt/new5/", O_CREAT | O_WRONLY); }},
      {"open a file with a slash behind", [] { return openAs("/mnt/file/", O_WRONLY); }},
      {"a file in a file", [] { return openAs("/mnt/file/x", O_WRONLY | O_CREAT); }},
      {"in no directory", [] { return openAs("/mnt/none/x", O_WRONLY | O_CREAT); }},
      {"not there", [] { return openAs("/mnt/none", O_WRONLY); }},
      {"an empty path", [] { return openAs("", O_WRONLY | O_CREAT); }},
      {"the root", [] { return openAs("/", O_WRONLY | O_CREAT); }},
      {"a dot", [] { return openAs("/mnt/dir/.", O_WRONLY | O_CREAT); }},
      {"a name that is too long", [] { return openAs(kLongName.c_str(), O_WRONLY | O_CREAT); }},
      {"a path that is too long", [] { return openAs(kLongPath.c_str(), O_WRONLY); }},
      {"a path that is no memory", [] { return openAs(reinterpret_cast<const char*>(16), O_WRONLY); }},
      {"without the right to write", [] { return openAs("/mnt/unwritable", O_WRONLY); }},
      {"in a directory without the right to write", [] { return openAs("/mnt/closed/new", O_WRONLY | O_CREAT); }},
      {"in a directory without the right to search", [] { return openAs("/mnt/shut/x", O_WRONLY); }},
      {"O_DIRECTORY on a file", [] { return openAs("/mnt/file", O_RDWR | O_DIRECTORY); }},
      {"without changing the time of access, of another", [] { return openAs("/mnt/others", O_RDWR | O_NOATIME); }},
      {"through a relative path", [] { return in("/mnt/dir", [] { return openAs("../file", O_WRONLY); }); }},
      {"through a relative name", [] { return in("/mnt/dir", [] { return openAs("new6", O_WRONLY | O_CREAT); }); }},
      {"below a descriptor",
       [] { return at("/mnt/dir", [](int d) { return opened(::openat(d, "new7", O_WRONLY | O_CREAT, 0644)); }); }},
      {"below a descriptor of a file",
       [] {
         return with(O_RDONLY, "/mnt/file", [](int d) { return opened(::openat(d, "x", O_WRONLY | O_CREAT, 0644)); });
       }},
      {"below no descriptor", [] { return opened(::openat(77, "x", O_WRONLY | O_CREAT, 0644)); }},
      {"an absolute path beside no descriptor", [] { return opened(::openat(77, "/mnt/file", O_WRONLY)); }},
      {"a temporary file", [] { return openAs("/mnt/dir", O_TMPFILE | O_RDWR, 0600); }},
      {"a temporary file for reading", [] { return openAs("/mnt/dir", O_TMPFILE | O_RDONLY, 0600); }},
      {"a temporary file in a file", [] { return openAs("/mnt/file", O_TMPFILE | O_RDWR, 0600); }},
      {"creat", [] { return opened(::syscall(SYS_creat, "/mnt/new8", 0644)); }},
      {"open(2) itself", [] { return opened(::syscall(SYS_open, "/mnt/new9", O_CREAT | O_WRONLY, 0644)); }},
      {"unknown flags are dropped", [] { return opened(::syscall(SYS_open, "/mnt/file", O_WRONLY | 0x40000000, 0)); }},
      {"the null device", [] { return openAs("/dev/null", O_WRONLY); }},
      {"no terminal", [] { return openAs("/dev/tty", O_RDWR); }},
      {"a device that makes terminals", [] { return openAs("/dev/ptmx", O_RDWR | O_NOCTTY); }},
      {"a socket", [] { return openAs("/mnt/socket", O_RDWR); }},
      {"a FIFO for both", [] { return openAs("/mnt/fifo", O_RDWR); }},
      {"a FIFO that nobody reads", [] { return openAs("/mnt/fifo", O_WRONLY | O_NONBLOCK); }},
      {"a FIFO that is read",
       [] {
         return with(O_RDONLY | O_NONBLOCK, "/mnt/fifo", [](int) { return openAs("/mnt/fifo", O_WRONLY | O_TRUNC); });
       }},
      {"truncate for both once more", [] { return openAs("/mnt/file", O_RDWR | O_CREAT | O_TRUNC); }},
      {"open without waiting, and synchronously", [] { return openAs("/mnt/file", O_WRONLY | O_NONBLOCK | O_SYNC); }},
      {"its own name", [] { return openAs("/proc/self/comm", O_RDWR); }},
      {"its own name as a thread", [] { return openAs("/proc/thread-self/comm", O_WRONLY); }},
      {"what is not in its own /proc", [] { return openAs("/proc/self/none", O_WRONLY); }},
      {"its own descriptor again",
       [] {
         return with(O_RDONLY, "/mnt/file",
                     [](int d) { return openAs(("/proc/self/fd/" + std::to_string(d)).c_str(), O_WRONLY); });
       }},
      {"its own descriptor by /dev/fd",
       [] {
         return with(O_RDWR, "/mnt/file", [](int d) {
           return openAs(("/dev/fd/" + std::to_string(d)).c_str(), O_WRONLY | O_CREAT | O_TRUNC);
         });
       }},
      {"no descriptor by /dev/fd", [] { return openAs("/dev/fd/77", O_WRONLY); }},
      {"through its own directory",
       [] { return in("/mnt/dir", [] { return openAs("/proc/self/cwd/new10", O_WRONLY | O_CREAT); }); }},
      {"through a link to its own descriptor",
       [] { return in("/mnt/dir", [] { return openAs("/mnt/selflink/new11", O_WRONLY | O_CREAT); }); }},
      {"openat2", [] { return openHow("/mnt/new12", O_CREAT | O_WRONLY, 0640, 0); }},
      {"openat2 for reading", [] { return openHow("/mnt/file", O_RDONLY, 0, 0); }},
      {"openat2 with a mode that is not used", [] { return openHow("/mnt/file", O_WRONLY, 0644, 0); }},
      {"openat2 with unknown flags", [] { return openHow("/mnt/file", O_WRONLY | (1ULL << 40), 0, 0); }},
      {"openat2 with unknown resolution", [] { return openHow("/mnt/file", O_WRONLY, 0, 1ULL << 40); }},
      {"openat2 without links", [] { return openHow("/mnt/link", O_WRONLY, 0, RESOLVE_NO_SYMLINKS); }},
      {"openat2 beneath",
       [] { return in("/mnt/dir", [] { return openHow("../file", O_WRONLY, 0, RESOLVE_BENEATH); }); }},
      {"openat2 beneath an absolute path", [] { return openHow("/mnt/file", O_WRONLY, 0, RESOLVE_BENEATH); }},
      {"openat2 in a root",
       [] { return in("/mnt/dir", [] { return openHow("/../inner", O_WRONLY | O_CREAT, 0644, RESOLVE_IN_ROOT); }); }},
      {"openat2 with a short argument", [] { return openHow("/mnt/file", O_WRONLY, 0, 0, 8); }},
      {"openat2 with a long argument", [] { return openHow("/mnt/file", O_WRONLY, 0, 0, 40); }},
      {"openat2 as a path with more", [] { return openHow("/mnt/file", O_PATH | O_TRUNC, 0, 0); }},
  };
}

std::vector<Case> names() {
  return {
      {"mkdir", [] { return ::mkdir("/mnt/made1", 0777); }},
      {"mkdir with a slash behind", [] { return ::mkdir("/mnt/made2/", 0700); }},
      {"mkdir again", [] { return ::mkdir("/mnt/dir", 0700); }},
      {"mkdir of a link", [] { return ::mkdir("/mnt/dangling2/", 0700); }},
      {"mkdir of a dot", [] { return ::mkdir("/mnt/dir/.", 0700); }},
      {"mkdir of the root", [] { return ::mkdir("/", 0700); }},
      {"mkdir nowhere", [] { return ::mkdir("/mnt/none/x", 0700); }},
      {"mkdir where it may not", [] { return ::mkdir("/mnt/closed/x", 0700); }},
      {"mkdir with a name that is too long", [] { return ::mkdir(kLongName.c_str(), 0700); }},
      {"mkdirat", [] { return at("/mnt/dir", [](int d) { return ::mkdirat(d, "made3", 0750); }); }},
      {"mkdir in a group's directory", [] { return ::mkdir("/mnt/grouped/made4", 0750); }},
      {"mknod of a file", [] { return ::mknod("/mnt/node1", S_IFREG | 0644, 0); }},
      {"mknod without a type", [] { return ::mknod("/mnt/node2", 0600, 0); }},
      {"mknod of a FIFO", [] { return ::mknodat(AT_FDCWD, "/mnt/node3", S_IFIFO | 0666, 0); }},
      {"mknod of a socket", [] { return ::mknod("/mnt/node4", S_IFSOCK | 0666, 0); }},
      {"mknod of a device", [] { return ::mknod("/mnt/node5", S_IFCHR | 0666, 0x103); }},
      {"mknod of a directory", [] { return ::mknod("/mnt/node6", S_IFDIR | 0666, 0); }},
      {"mknod with a slash behind", [] { return ::mknod("/mnt/node7/", S_IFREG | 0666, 0); }},
      {"symlink", [] { return ::symlink("any/where", "/mnt/made5"); }},
      {"symlink that says nothing", [] { return ::symlink("", "/mnt/made6"); }},
      {"symlink over something", [] { return ::symlink("x", "/mnt/file"); }},
      {"symlinkat", [] { return at("/mnt/dir", [](int d) { return ::symlinkat("y", d, "made7"); }); }},
      {"symlink with a slash behind", [] { return ::symlink("x", "/mnt/made8/"); }},
      {"link", [] { return ::link("/mnt/file", "/mnt/hard1"); }},
      {"link of a link", [] { return ::link("/mnt/link", "/mnt/hard2"); }},
      {"link through a link",
       [] { return ::linkat(AT_FDCWD, "/mnt/link", AT_FDCWD, "/mnt/hard3", AT_SYMLINK_FOLLOW); }},
      {"link of a directory", [] { return ::link("/mnt/dir", "/mnt/hard4"); }},
      {"link over something", [] { return ::link("/mnt/file", "/mnt/dir"); }},
      {"link of nothing", [] { return ::link("/mnt/none", "/mnt/hard5"); }},
      {"link into another file system", [] { return ::link("/mnt/file", "/proc/x"); }},
      {"linkat with unknown flags", [] { return ::linkat(AT_FDCWD, "/mnt/file", AT_FDCWD, "/mnt/hard6", 2); }},
      {"rename", [] { return ::rename("/mnt/old1", "/mnt/dir/renamed1"); }},
      {"rename over a file", [] { return ::rename("/mnt/old2", "/mnt/old3"); }},
      {"rename over a directory", [] { return ::rename("/mnt/old4", "/mnt/dir"); }},
      {"rename of a directory over a file", [] { return ::rename("/mnt/dir2", "/mnt/file"); }},
      {"rename of a directory into itself", [] { return ::rename("/mnt/dir2", "/mnt/dir2/x"); }},
      {"rename of a directory over a full one", [] { return ::rename("/mnt/dir2", "/mnt/full"); }},
      {"rename of a directory with slashes", [] { return ::rename("/mnt/dir2/", "/mnt/dir3/"); }},
      {"rename of a file with a slash", [] { return ::rename("/mnt/old4/", "/mnt/x"); }},
      {"rename to a dot", [] { return ::rename("/mnt/old4", "/mnt/dir/."); }},
      {"rename of nothing", [] { return ::rename("/mnt/none", "/mnt/x"); }},
      {"rename of a link", [] { return ::rename("/mnt/moved", "/mnt/movedlink"); }},
      {"rename without replacing",
       [] { return ::renameat2(AT_FDCWD, "/mnt/old4", AT_FDCWD, "/mnt/file", RENAME_NOREPLACE); }},
      {"rename exchanging", [] { return ::renameat2(AT_FDCWD, "/mnt/old4", AT_FDCWD, "/mnt/old5", RENAME_EXCHANGE); }},
      {"rename with flags that exclude each other",
       [] { return ::renameat2(AT_FDCWD, "/mnt/old4", AT_FDCWD, "/mnt/old5", 3); }},
      {"rename below descriptors",
       [] { return at("/mnt", [](int d) { return ::renameat(d, "old6", d, "dir/renamed6"); }); }},
      {"rename of another's in a sticky directory", [] { return ::rename("/mnt/sticky/others", "/mnt/sticky/x"); }},
      {"unlink", [] { return ::unlink("/mnt/gone1"); }},
      {"unlink of a link", [] { return ::unlink("/mnt/gone2"); }},
      {"unlink of a link with a slash", [] { return ::unlink("/mnt/dirlink/"); }},
      {"unlink of a directory", [] { return ::unlink("/mnt/dir"); }},
      {"unlink of nothing", [] { return ::unlink("/mnt/none"); }},
      {"unlink of a file with a slash", [] { return ::unlink("/mnt/file/"); }},
      {"unlink of a dot", [] { return ::unlink("/mnt/dir/."); }},
      {"unlink of another's in a sticky directory", [] { return ::unlink("/mnt/sticky/others"); }},
      {"unlink where it may not", [] { return ::unlink("/mnt/closed/inside"); }},
      {"unlinkat", [] { return at("/mnt", [](int d) { return ::unlinkat(d, "gone3", 0); }); }},
      {"unlinkat with unknown flags", [] { return ::unlinkat(AT_FDCWD, "/mnt/file", 1); }},
      {"unlinkat of a directory", [] { return ::unlinkat(AT_FDCWD, "/mnt/gone4", AT_REMOVEDIR); }},
      {"rmdir", [] { return ::rmdir("/mnt/gone5/"); }},
      {"rmdir of a full one", [] { return ::rmdir("/mnt/full"); }},
      {"rmdir of a file", [] { return ::rmdir("/mnt/file"); }},
      {"rmdir of a dot", [] { return ::rmdir("/mnt/dir/."); }},
      {"rmdir of two dots", [] { return ::rmdir("/mnt/dir/.."); }},
      {"rmdir of the root", [] { return ::rmdir("/"); }},
      {"rmdir of a link to a directory", [] { return ::rmdir("/mnt/dirlink"); }},
  };
}

std::vector<Case> attributes() {
  return {
      {"truncate", [] { return ::truncate("/mnt/cut1", 3); }},
      {"truncate to more", [] { return ::truncate("/mnt/cut2", 5000); }},
      {"truncate to less than nothing", [] { return ::truncate("/mnt/cut2", -1); }},
      {"truncate of a directory", [] { return ::truncate("/mnt/dir", 0); }},
      {"truncate of a FIFO", [] { return ::truncate("/mnt/fifo", 0); }},
      {"truncate through a link", [] { return ::truncate("/mnt/link", 1); }},
      {"truncate without the right", [] { return ::truncate("/mnt/unwritable", 0); }},
      {"chmod", [] { return ::chmod("/mnt/mode1", 0640); }},
      {"chmod through a link", [] { return ::chmod("/mnt/link", 0600); }},
      {"chmod of another's", [] { return ::chmod("/mnt/others", 0666); }},
      {"fchmodat", [] { return at("/mnt", [](int d) { return ::fchmodat(d, "mode2", 01750, 0); }); }},
      {"fchmod", [] { return with(O_RDONLY, "/mnt/mode4", [](int d) { return ::fchmod(d, 0604); }); }},
      {"fchmod of a path descriptor",
       [] { return with(O_PATH, "/mnt/mode4", [](int d) { return ::fchmod(d, 0644); }); }},
      {"fchmod of nothing", [] { return ::fchmod(77, 0644); }},
      {"chown to oneself", [] { return ::chown("/mnt/mode1", kRunUid, static_cast<gid_t>(-1)); }},
      {"chown to another", [] { return ::chown("/mnt/mode1", 0, 0); }},
      {"lchown", [] { return ::lchown("/mnt/link", kRunUid, kRunUid); }},
      {"fchown", [] { return with(O_RDONLY, "/mnt/mode1", [](int d) { return ::fchown(d, kRunUid, kRunUid); }); }},
      {"fchownat of a descriptor",
       [] {
         return with(O_PATH, "/mnt/mode1", [](int d) { return ::fchownat(d, "", kRunUid, kRunUid, AT_EMPTY_PATH); });
       }},
      {"utimensat", [] { return ::utimensat(AT_FDCWD, "/mnt/time1", kTimes, 0); }},
      {"utimensat of a link", [] { return ::utimensat(AT_FDCWD, "/mnt/timelink", kTimes, AT_SYMLINK_NOFOLLOW); }},
      {"utimensat of nothing", [] { return ::utimensat(AT_FDCWD, "/mnt/none", kTimes, 0); }},
      {"utimensat of another's", [] { return ::utimensat(AT_FDCWD, "/mnt/others", kTimes, 0); }},
      {"utimensat with impossible times",
       [] {
         const timespec bad[2] = {{1, 2000000000}, {1, 1}};
         return ::utimensat(AT_FDCWD, "/mnt/time1", bad, 0);
       }},
      {"futimens", [] { return with(O_RDONLY, "/mnt/time2", [](int d) { return ::futimens(d, kTimes); }); }},
      {"utimensat of a descriptor with flags",
       [] {
         return with(O_RDONLY, "/mnt/time2",
                     [](int d) { return ::syscall(SYS_utimensat, d, nullptr, kTimes, AT_SYMLINK_NOFOLLOW); });
       }},
      {"utime",
       [] {
         const utimbuf t{1000000000, 1000000009};
         return ::syscall(SYS_utime, "/mnt/time3", &t);
       }},
      {"utimes",
       [] {
         const timeval t[2] = {{1000000000, 1}, {1000000009, 2}};
         return ::syscall(SYS_utimes, "/mnt/time4", t);
       }},
      {"utimes with impossible times",
       [] {
         const timeval t[2] = {{1, 1000000}, {1, 2}};
         return ::syscall(SYS_utimes, "/mnt/time4", t);
       }},
      {"futimesat",
       [] {
         const timeval t[2] = {{1000000000, 1}, {1000000009, 2}};
         return at("/mnt", [&](int d) { return ::syscall(SYS_futimesat, d, "time5", t); });
       }},
      {"setxattr", [] { return ::setxattr("/mnt/attr1", "user.a", "value", 5, 0); }},
      {"setxattr again", [] { return ::setxattr("/mnt/attr1", "user.a", "other", 5, XATTR_CREATE); }},
      {"setxattr that replaces nothing", [] { return ::setxattr("/mnt/attr1", "user.b", "x", 1, XATTR_REPLACE); }},
      {"setxattr of nothing", [] { return ::setxattr("/mnt/attr1", "user.empty", nullptr, 0, 0); }},
      {"setxattr with an unknown flag", [] { return ::setxattr("/mnt/attr1", "user.b", "x", 1, 8); }},
      {"setxattr without a name", [] { return ::setxattr("/mnt/attr1", "", "x", 1, 0); }},
      {"setxattr with a long name",
       [] { return ::setxattr("/mnt/attr1", ("user." + std::string(300, 'x')).c_str(), "x", 1, 0); }},
      {"setxattr of a namespace that is not ours", [] { return ::setxattr("/mnt/attr1", "trusted.a", "x", 1, 0); }},
      {"setxattr with too much",
       [] {
         const std::string big(65537, 'x');
         return ::setxattr("/mnt/attr1", "user.b", big.data(), big.size(), 0);
       }},
      {"lsetxattr of a link", [] { return ::lsetxattr("/mnt/link", "user.a", "x", 1, 0); }},
      {"fsetxattr",
       [] { return with(O_RDONLY, "/mnt/attr2", [](int d) { return ::fsetxattr(d, "user.f", "x", 1, 0); }); }},
      {"removexattr", [] { return ::removexattr("/mnt/attr3", "user.here"); }},
      {"removexattr of nothing", [] { return ::removexattr("/mnt/attr3", "user.none"); }},
      {"lremovexattr", [] { return ::lremovexattr("/mnt/attr4", "user.here"); }},
      {"fremovexattr",
       [] { return with(O_RDONLY, "/mnt/attr5", [](int d) { return ::fremovexattr(d, "user.here"); }); }},
  };
}

void plant(const std::string& root) {
  const auto file = [&](const char* name, const char* content) {
    const std::string path = root + "/" + name;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, content, std::strlen(content)) == static_cast<ssize_t>(std::strlen(content)));
    REQUIRE(::fchown(fd, kRunUid, kRunUid) == 0);
    REQUIRE(::futimens(fd, std::array<timespec, 2>{{{900000000, 0}, {900000000, 0}}}.data()) == 0);
    ::close(fd);
  };
  const auto directory = [&](const char* name, mode_t mode) {
    REQUIRE(::mkdir((root + "/" + name).c_str(), 0755) == 0);
    REQUIRE(::chown((root + "/" + name).c_str(), kRunUid, kRunUid) == 0);
    REQUIRE(::chmod((root + "/" + name).c_str(), mode) == 0);
  };
  const auto link = [&](const char* name, const char* content) {
    REQUIRE(::symlink(content, (root + "/" + name).c_str()) == 0);
    REQUIRE(::lchown((root + "/" + name).c_str(), kRunUid, kRunUid) == 0);
  };
  for (const char* name :
       {"file",  "long",  "long2", "unwritable", "others", "old1",  "old2",  "old3",  "old4",  "old5",
        "old6",  "gone1", "gone3", "cut1",       "cut2",   "mode1", "mode2", "mode3", "mode4", "time1",
        "time2", "time3", "time4", "time5",      "attr1",  "attr2", "attr3", "attr4", "attr5"}) {
    file(name, "content");
  }
  for (const char* name : {"attr3", "attr4", "attr5"}) {
    REQUIRE(::setxattr((root + "/" + name).c_str(), "user.here", "x", 1, 0) == 0);
  }
  REQUIRE(::chmod((root + "/unwritable").c_str(), 0444) == 0);
  REQUIRE(::chown((root + "/others").c_str(), 0, 0) == 0);
  REQUIRE(::chmod((root + "/others").c_str(), 0666) == 0);
  for (const char* name : {"dir", "dir2", "full", "gone4", "gone5"}) directory(name, 0755);
  file("full/inside", "x");
  directory("closed", 0755);
  file("closed/inside", "x");
  REQUIRE(::chmod((root + "/closed").c_str(), 0555) == 0);
  directory("shut", 0600);
  directory("sticky", 01777);
  file("sticky/others", "x");
  REQUIRE(::chown((root + "/sticky/others").c_str(), 0, 0) == 0);
  REQUIRE(::chown((root + "/sticky").c_str(), 0, 0) == 0);
  directory("grouped", 02775);
  link("link", "file");
  link("absolute", "/mnt/dir/../file");
  link("dangling", "dir/made-by-link");
  link("dangling2", "dir/never-made");
  link("chain", "chain2");
  link("chain2", "/mnt/dir/made-by-chain");
  link("nowhere", "none/x");
  link("circle", "circle2");
  link("circle2", "circle");
  link("dirlink", "dir");
  link("moved", "old5");
  link("gone2", "file");
  link("timelink", "none");
  link("selflink", "/proc/self/cwd");
  REQUIRE(::mkfifo((root + "/fifo").c_str(), 0666) == 0);
  REQUIRE(::chmod((root + "/fifo").c_str(), 0666) == 0);
  REQUIRE(::mknod((root + "/socket").c_str(), S_IFSOCK | 0666, 0) == 0);
  REQUIRE(::chmod((root + "/socket").c_str(), 0666) == 0);
}

std::map<std::string, std::string> snapshot(const std::string& root) {
  std::map<std::string, std::string> result;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    struct stat status {};
    const std::string path = entry.path();
    if (::lstat(path.c_str(), &status) != 0) continue;
    std::string line = std::to_string(status.st_mode) + " " + std::to_string(status.st_uid) + ":" +
                       std::to_string(status.st_gid) + " links " + std::to_string(status.st_nlink);
    if (!S_ISDIR(status.st_mode)) line += " size " + std::to_string(status.st_size);
    if (status.st_mtim.tv_sec < 1100000000)
      line += " time " + std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
    if (S_ISLNK(status.st_mode)) line += " -> " + std::filesystem::read_symlink(entry.path()).string();
    if (S_ISREG(status.st_mode)) {
      line += " says " + readFile(path);
      std::string names(4096, '\0');
      names.resize(
          static_cast<std::size_t>(std::max<ssize_t>(0, ::listxattr(path.c_str(), names.data(), names.size()))));
      std::replace(names.begin(), names.end(), '\0', ',');
      line += " has " + names;
    }
    result[path.substr(root.size())] = line;
  }
  return result;
}

struct Outcome {
  long value[256];
  int error[256];
};

void compare(const std::vector<Case>& cases, Notified notified) {
  auto* results = static_cast<Outcome*>(
      ::mmap(nullptr, 2 * sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(results != MAP_FAILED);
  REQUIRE(cases.size() < 256);
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.write.push_back({.pattern = "/", .origin = {}});  // semantics alone are compared here
  std::map<std::string, std::string> trees[2];
  for (const int mediated : {0, 1}) {
    World world({.document = document, .notified = mediated == 1 ? notified : Notified::kNothing});
    plant(world.directory());
    const int status = world.run([&] {
      ::umask(027);
      for (std::size_t i = 0; i < cases.size(); ++i) {
        errno = 0;
        results[mediated].value[i] = cases[i].act();
        results[mediated].error[i] = results[mediated].value[i] < 0 ? errno : 0;
      }
      return 0;
    });
    REQUIRE(status == 0);
    trees[mediated] = snapshot(world.directory());
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    INFO(cases[i].name);
    CHECK(results[0].value[i] == results[1].value[i]);
    CHECK(results[0].error[i] == results[1].error[i]);
  }
  for (const auto& [path, line] : trees[0]) {
    INFO(path);
    CHECK(trees[1][path] == line);
  }
  CHECK(trees[1].size() == trees[0].size());
  ::munmap(results, 2 * sizeof(Outcome));
}

}  // namespace

TEST_CASE("opening means the same through a warden") { compare(opens(), Notified::kWrites); }
TEST_CASE("opening means the same where every open goes through a warden") { compare(opens(), Notified::kAllOpens); }
TEST_CASE("making, moving and removing names means the same through a warden") { compare(names(), Notified::kWrites); }
TEST_CASE("changing attributes means the same through a warden") { compare(attributes(), Notified::kWrites); }
TEST_CASE("fchmodat2 means the same through a warden") {
  if (::syscall(452, -1, "", 0, 0) != 0 && errno == ENOSYS) SKIP("this kernel has no fchmodat2");
  compare(
      {{"of a link", [] { return ::syscall(452, AT_FDCWD, "/mnt/link", 0600, AT_SYMLINK_NOFOLLOW); }},
       {"of a descriptor",
        [] { return with(O_PATH, "/mnt/mode3", [](int d) { return ::syscall(452, d, "", 0611, AT_EMPTY_PATH); }); }},
       {"with unknown flags", [] { return ::syscall(452, AT_FDCWD, "/mnt/mode3", 0600, 0x20000); }}},
      Notified::kWrites);
}
