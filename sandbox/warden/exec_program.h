// The program of an exec as objects: what the path leads to, and, for a script, its interpreters, each opened once
// (O_PATH) and kept open, so that neither a symbolic link nor a reused inode can change what was judged. Where nobody
// in the run can change what a path leads to, it is that path that counts, and nothing is opened.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/warden/exec_copy.h"
#include "sandbox/warden/exec_script.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

struct ExecObject {
  UniqueFd fd;         // none where the path is fixed
  bool fixed = false;  // what it was named by leads to it for good (fixed_path.h)
  dev_t device = 0;
  ino_t inode = 0;
  std::string path;  // real, absolute, inside the fence
  // Nothing: it may be executed and not read.
  std::optional<ProgramHead> head;
  // The arguments that the kernel gives to it: the caller's for the program, those of a script for its interpreter.
  std::vector<std::string> argv;
  // For each command that it hides (exec_unwrap.h): where the path leads that a dynamic loader would load; else empty.
  std::vector<std::string> loads;
};

struct ExecProgram {
  // The program as named, then the interpreter, then the interpreter's own… The last one becomes /proc/PID/exe and gets
  // its `argv`. Never empty.
  std::vector<ExecObject> chain;
};

// Which objects it was, for whoever looks at the same path later.
struct ExecIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  std::string path;
  bool operator==(const ExecIdentity&) const = default;
};
std::vector<ExecIdentity> identityOf(const ExecProgram& program);

// Fails with sysErrno as the kernel would say it (ENOENT, EACCES, ELOOP, ENOEXEC…) and with kDenied and none for what
// it might do but nobody here can judge: a program without a name (AT_EMPTY_PATH, a deleted file). May block
// where a file system does.
Result<ExecProgram> openProgram(const Caller& caller, const ExecCopy& copy);

// Where `path`, as the caller would write it, leads to. Nothing: nowhere.
std::optional<std::string> realPathOf(const Caller& caller, const std::string& path);

// The first program called `name` in the directories of `searchPath`, as execvp(3) finds it. Nothing: there is none.
std::optional<std::string> findProgram(const Caller& caller, const std::string& name, std::string_view searchPath);

}  // namespace ringfence::sandbox
