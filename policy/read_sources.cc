#include "policy/read_sources.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "policy/parse.h"
#include "policy/place.h"
#include "sdk/base/io.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxFiles = 1024;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// Names of the policies in a directory, sorted. The descriptor stays the caller's.
Result<std::vector<std::string>> policyNames(int directory, const std::string& shown) {
  UniqueFd copy = RF_TRY(openAt(directory, ".", O_RDONLY | O_DIRECTORY));
  std::unique_ptr<DIR, CloseDirectory> listing(fdopendir(copy.get()));
  if (!listing) return posixError(errno, "listing " + shown);
  (void)copy.release();  // closedir closes it.
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(listing.get())) {
    std::string name = entry->d_name;
    if (!name.ends_with(".toml") || name.starts_with('.')) continue;
    if (names.size() == kMaxFiles) return Error{ErrorCode::kInvalid, shown + " has more than 1024 policies"};
    names.push_back(std::move(name));
  }
  if (errno != 0) return posixError(errno, "listing " + shown);
  std::ranges::sort(names);
  return names;
}

void readDirectory(const std::string& path, DirectoryTexts& out) {
  auto directory = openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  if (!directory) {
    if (directory.error().code != ErrorCode::kNotFound)
      out.unreadable.push_back(errorIn(path, directory.error().message));
    return;
  }
  auto names = policyNames(directory->get(), path);
  if (!names) {
    out.unreadable.push_back(errorIn(path, names.error().message));
    return;
  }
  for (const std::string& name : *names) {
    const std::string shown = path + (path.ends_with('/') ? "" : "/") + name;
    auto text = readSourceAt(directory->get(), name, shown);
    if (text)
      out.texts.push_back(std::move(*text));
    else
      out.unreadable.push_back(errorIn(shown, text.error().message));
  }
}

}  // namespace

Result<SourceText> readSource(const std::string& path) { return readSourceAt(AT_FDCWD, path, path); }

Result<SourceText> readSourceAt(int directory, const std::string& name, const std::string& shown) {
  // Without O_NONBLOCK the open of a pipe would wait for a writer that never comes.
  auto opened = openAt(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!opened && opened.error().sysErrno == ELOOP) {
    return Error{ErrorCode::kInvalid, shown + " is a symbolic link; a policy is a regular file", ELOOP};
  }
  if (!opened && opened.error().sysErrno == ENXIO)
    return Error{ErrorCode::kInvalid, shown + " is not a regular file", ENXIO};
  UniqueFd fd = RF_TRY(std::move(opened));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return posixError(errno, "reading " + shown);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kInvalid, shown + " is not a regular file"};
  std::string text = RF_TRY(readAll(fd.get(), Bytes{kMaxPolicyBytes}, shown));
  return SourceText{.file = shown, .text = std::move(text)};
}

DirectoryTexts readDirectories(const std::vector<std::string>& directories) {
  DirectoryTexts out;
  for (const std::string& directory : directories) readDirectory(directory, out);
  return out;
}

}  // namespace ringfence::policy
