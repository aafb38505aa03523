#include "sandbox/kernel/guarded_calls.h"

#include <sys/syscall.h>

#include <algorithm>
#include <iterator>

namespace ringfence::sandbox {
namespace {

struct Row {
  GuardedCall call;
  int number;
  std::string_view name;
};

constexpr int kFchmodat2 = 452;  // the same number on every architecture

// Newer architectures have only the *at forms.
constexpr Row kRows[] = {
#ifdef SYS_open
    {GuardedCall::kOpen, SYS_open, "open"},
    {GuardedCall::kCreat, SYS_creat, "creat"},
    {GuardedCall::kMkdir, SYS_mkdir, "mkdir"},
    {GuardedCall::kMknod, SYS_mknod, "mknod"},
    {GuardedCall::kSymlink, SYS_symlink, "symlink"},
    {GuardedCall::kLink, SYS_link, "link"},
    {GuardedCall::kRename, SYS_rename, "rename"},
    {GuardedCall::kUnlink, SYS_unlink, "unlink"},
    {GuardedCall::kRmdir, SYS_rmdir, "rmdir"},
    {GuardedCall::kChmod, SYS_chmod, "chmod"},
    {GuardedCall::kChown, SYS_chown, "chown"},
    {GuardedCall::kLchown, SYS_lchown, "lchown"},
    {GuardedCall::kUtime, SYS_utime, "utime"},
    {GuardedCall::kUtimes, SYS_utimes, "utimes"},
    {GuardedCall::kFutimesat, SYS_futimesat, "futimesat"},
#endif
#ifdef SYS_renameat
    {GuardedCall::kRenameat, SYS_renameat, "renameat"},
#endif
    {GuardedCall::kOpenat, SYS_openat, "openat"},
    {GuardedCall::kOpenat2, SYS_openat2, "openat2"},
    {GuardedCall::kMkdirat, SYS_mkdirat, "mkdirat"},
    {GuardedCall::kMknodat, SYS_mknodat, "mknodat"},
    {GuardedCall::kSymlinkat, SYS_symlinkat, "symlinkat"},
    {GuardedCall::kLinkat, SYS_linkat, "linkat"},
    {GuardedCall::kRenameat2, SYS_renameat2, "renameat2"},
    {GuardedCall::kUnlinkat, SYS_unlinkat, "unlinkat"},
    {GuardedCall::kTruncate, SYS_truncate, "truncate"},
    {GuardedCall::kFchmod, SYS_fchmod, "fchmod"},
    {GuardedCall::kFchmodat, SYS_fchmodat, "fchmodat"},
    {GuardedCall::kFchmodat2, kFchmodat2, "fchmodat2"},
    {GuardedCall::kFchown, SYS_fchown, "fchown"},
    {GuardedCall::kFchownat, SYS_fchownat, "fchownat"},
    {GuardedCall::kUtimensat, SYS_utimensat, "utimensat"},
    {GuardedCall::kSetxattr, SYS_setxattr, "setxattr"},
    {GuardedCall::kLsetxattr, SYS_lsetxattr, "lsetxattr"},
    {GuardedCall::kFsetxattr, SYS_fsetxattr, "fsetxattr"},
    {GuardedCall::kRemovexattr, SYS_removexattr, "removexattr"},
    {GuardedCall::kLremovexattr, SYS_lremovexattr, "lremovexattr"},
    {GuardedCall::kFremovexattr, SYS_fremovexattr, "fremovexattr"},
    {GuardedCall::kExecve, SYS_execve, "execve"},
    {GuardedCall::kExecveat, SYS_execveat, "execveat"},
};

}  // namespace

GuardedCall guardedCallOf(int number) {
  const auto* row = std::ranges::find(kRows, number, &Row::number);
  return row == std::end(kRows) ? GuardedCall::kUnknown : row->call;
}

std::string_view guardedCallName(GuardedCall call) {
  const auto* row = std::ranges::find(kRows, call, &Row::call);
  return row == std::end(kRows) ? "unknown" : row->name;
}

}  // namespace ringfence::sandbox
