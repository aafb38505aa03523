#include "sandbox/kernel/nodes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/mounts.h"

namespace ringfence::sandbox {
namespace {

// The last component of `path` and the directory before it.
std::pair<std::string, std::string> splitPath(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return {path.substr(0, slash == 0 ? 1 : slash), path.substr(slash + 1)};
}

Result<void> madeOrThere(int result, const std::string& what) {
  if (result == 0 || errno == EEXIST) return {};
  return posixError(errno, what);
}

// Not opened: nothing is written to it.
int makeFile(int directory, const std::string& name) {
  return ::mknodat(directory, name.c_str(), S_IFREG | 0644, 0) == 0 ? 0 : errno;
}

int makeFileWith(std::string_view content, int directory, const std::string& name) {
  const UniqueFd file(::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file) return errno;
  const ssize_t written = ::write(file.get(), content.data(), content.size());
  if (written == static_cast<ssize_t>(content.size())) return 0;
  const int error = written < 0 ? errno : ENOSPC;
  (void)::unlinkat(directory, name.c_str(), 0);
  return error;
}

// A socket that nobody listens on: git and most tools pass it by, so that it gets into no commit, and opening it
// neither blocks nor shows anything. In a folder of git's own it would be an error to git; some file systems have none.
int holdName(const NodeMaker::Name& held) {
  if (!held.inGitFolder && ::mknodat(held.directory, held.name.c_str(), S_IFSOCK | 0644, 0) == 0) return 0;
  if (!held.inGitFolder && errno != EPERM && errno != EOPNOTSUPP && errno != EINVAL) return errno;
  const std::string_view content = contentOfHeld(held.name);
  return content.empty() ? makeFile(held.directory, held.name) : makeFileWith(content, held.directory, held.name);
}

// Looked at when it has just been made: whoever removes it afterwards must know it again.
void hold(NodeMaker::Name& wanted) {
  struct stat status {};
  wanted.error = holdName(wanted);
  if (wanted.error != 0) return;
  if (::fstatat(wanted.directory, wanted.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    wanted.error = errno;
    (void)::unlinkat(wanted.directory, wanted.name.c_str(), 0);
    return;
  }
  wanted.device = status.st_dev;
  wanted.inode = status.st_ino;
}

}  // namespace

std::string_view contentOfHeld(std::string_view name) { return name == "commondir" ? "." : ""; }

NodeMaker::NodeMaker(const Identity& run) { setRun(run); }

void NodeMaker::setRun(const Identity& run) {
  run_ = run;
  run_.callerUid = run.uid;
  run_.callerGid = run.gid;
  run_.callerGroups = run.groups;
}

Result<void> NodeMaker::addOwn(int object) {
  struct stat status {};
  if (::fstat(object, &status) != 0) return posixError(errno, "looking at a file system made for the run");
  own_.insert(status.st_dev);
  return {};
}

bool NodeMaker::isOwn(int object) const {
  struct stat status {};
  return ::fstat(object, &status) == 0 && own_.contains(status.st_dev);
}

template <typename Make>
Result<void> NodeMaker::make(int parent, const Make& make) const {
  if (isOwn(parent)) return make();
  const CallerRights rights = RF_TRY(CallerRights::assume(run_));
  return make();
}

Result<UniqueFd> NodeMaker::ensureDirectory(int root, const std::string& path, unsigned mode) const {
  auto found = openBeneath(root, path, O_PATH | O_DIRECTORY);
  if (found || found.error().sysErrno != ENOENT) return found;
  const auto [parentPath, name] = splitPath(path);
  const UniqueFd parent = RF_TRY(ensureDirectory(root, parentPath, 0755));
  RF_TRY(make(parent.get(), [&, &leaf = name] {
    return madeOrThere(::mkdirat(parent.get(), leaf.c_str(), mode), "making the directory " + path);
  }));
  return openBeneath(root, path, O_PATH | O_DIRECTORY);
}

Result<UniqueFd> NodeMaker::ensureFile(int root, const std::string& path) const {
  auto found = openBeneath(root, path, O_PATH);
  if (found || found.error().sysErrno != ENOENT) return found;
  const auto [parentPath, name] = splitPath(path);
  const UniqueFd parent = RF_TRY(ensureDirectory(root, parentPath, 0755));
  RF_TRY(make(parent.get(), [&, &leaf = name] {
    const int error = makeFile(parent.get(), leaf);
    return error == 0 || error == EEXIST ? Result<void>{} : Result<void>(posixError(error, "making the file " + path));
  }));
  return openBeneath(root, path, O_PATH);
}

Result<void> NodeMaker::holdNames(std::vector<Name>& names) const {
  std::vector<Name*> foreign;
  for (auto& one : names) {
    if (isOwn(one.directory))
      hold(one);
    else
      foreign.push_back(&one);
  }
  if (foreign.empty()) return {};
  const CallerRights rights = RF_TRY(CallerRights::assume(run_));
  for (Name* one : foreign) hold(*one);
  return {};
}

void NodeMaker::letGoOfNames(const std::vector<Name>& names) const {
  const auto rights = CallerRights::assume(run_);
  if (!rights) return;
  for (const auto& one : names) {
    struct stat now {};
    const bool ours = one.error == 0 && ::fstatat(one.directory, one.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
                      now.st_dev == one.device && now.st_ino == one.inode;
    if (ours) (void)::unlinkat(one.directory, one.name.c_str(), 0);
  }
}

}  // namespace ringfence::sandbox
