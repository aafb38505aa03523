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

int makeHeld(int directory, const std::string& name) {
  const std::string_view content = contentOfHeld(name);
  if (content.empty()) return makeFile(directory, name);
  const UniqueFd file(::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file) return errno;
  const ssize_t written = ::write(file.get(), content.data(), content.size());
  if (written == static_cast<ssize_t>(content.size())) return 0;
  const int error = written < 0 ? errno : ENOSPC;
  (void)::unlinkat(directory, name.c_str(), 0);
  return error;
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

Result<void> NodeMaker::makeFiles(std::vector<File>& files) const {
  std::vector<File*> foreign;
  for (auto& file : files) {
    if (isOwn(file.directory))
      file.error = makeHeld(file.directory, file.name);
    else
      foreign.push_back(&file);
  }
  if (foreign.empty()) return {};
  const CallerRights rights = RF_TRY(CallerRights::assume(run_));
  for (File* file : foreign) file->error = makeHeld(file->directory, file->name);
  return {};
}

}  // namespace ringfence::sandbox
