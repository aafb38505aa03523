#include "policy/read_sources.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "policy/parse.h"
#include "policy/place.h"
#include "sdk/base/directory.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxFiles = 1024;

// Names of the policies in a directory, sorted. The descriptor stays the caller's.
Result<std::vector<std::string>> policyNames(int directory, const std::string& shown) {
  auto listing = Directory::open(directory, ".");
  if (!listing) return std::move(listing).error().with("listing " + shown);
  std::vector<std::string> names;
  while (const dirent* entry = listing->next()) {
    std::string name = entry->d_name;
    if (!name.ends_with(".toml") || name.starts_with('.')) continue;
    if (names.size() == kMaxFiles) return Error{ErrorCode::kInvalid, shown + " has more than 1024 policies"};
    names.push_back(std::move(name));
  }
  if (listing->trouble() != 0) return posixError(listing->trouble(), "listing " + shown);
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<SourceText> readSourceAt(int directory, const std::string& name, const std::string& shown, Links links) {
  // Without O_NONBLOCK the open of a pipe would wait for a writer that never comes.
  const int noFollow = links == Links::kRefuse ? O_NOFOLLOW : 0;
  auto opened = openAt(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | noFollow);
  if (!opened) {
    const int reason = opened.error().sysErrno;
    if (reason == ELOOP) return Error{ErrorCode::kInvalid, shown + " is a symbolic link, not a regular file", reason};
    if (reason == ENXIO) return Error{ErrorCode::kInvalid, shown + " is not a regular file", reason};
    return posixError(reason, "reading " + shown);
  }
  struct stat status {};
  if (fstat(opened->get(), &status) != 0) return posixError(errno, "reading " + shown);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kInvalid, shown + " is not a regular file"};
  std::string text = RF_TRY(readAll(opened->get(), Bytes{kMaxPolicyBytes}, shown));
  return SourceText{.file = shown, .text = std::move(text)};
}

Result<SourceText> readSource(const std::string& path, Links links) {
  return readSourceAt(AT_FDCWD, path, path, links);
}

Result<std::vector<SourceText>> readDirectory(const std::string& path, Links links) {
  std::vector<SourceText> texts;
  auto directory = openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!directory && directory.error().code == ErrorCode::kNotFound) return texts;
  const UniqueFd fd = RF_TRY(std::move(directory));
  const std::vector<std::string> names = RF_TRY(policyNames(fd.get(), path));
  for (const std::string& name : names) {
    const std::string shown = path + (path.ends_with('/') ? "" : "/") + name;
    auto text = readSourceAt(fd.get(), name, shown, links);
    if (text) {
      texts.push_back(std::move(*text));
    } else if (text.error().sysErrno != ENOENT) {  // Removed since it was listed.
      texts.push_back({.file = shown, .text = {}, .unreadable = text.error().message});
    }
  }
  return texts;
}

DirectoryStamp stampDirectory(const std::string& path) {
  DirectoryStamp stamp;
  auto directory = openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  auto names = directory ? policyNames(directory->get(), path) : Result<std::vector<std::string>>(directory.error());
  if (!names) {
    stamp.text = names.error().message;
    return stamp;
  }
  for (const std::string& name : *names) {
    struct stat status {};
    const bool there = fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    stamp.text += name + '\0';
    if (!there) continue;
    // Nobody can set the time of a change of the inode, and whoever changes the text changes it.
    const timespec& changed = status.st_ctim;
    stamp.newest = std::max<Microseconds>(stamp.newest,
                                          std::chrono::seconds(changed.tv_sec) + Microseconds(changed.tv_nsec / 1000));
    stamp.text += std::to_string(changed.tv_sec) + '.' + std::to_string(changed.tv_nsec) + ' ';
    stamp.text += std::to_string(status.st_dev) + ' ' + std::to_string(status.st_ino) + ' ' +
                  std::to_string(status.st_size) + '\n';
  }
  return stamp;
}

DirectoryTexts readDirectories(const std::vector<std::string>& directories, Links links) {
  DirectoryTexts out;
  for (const std::string& directory : directories) {
    auto texts = readDirectory(directory, links);
    if (!texts) {
      out.unreadable.push_back(errorIn(directory, escapeForDisplay(texts.error().message)));
      continue;
    }
    for (SourceText& source : *texts) {
      if (source.unreadable.empty()) {
        out.texts.push_back(std::move(source));
      } else {
        out.unreadable.push_back(errorIn(source.file, escapeForDisplay(source.unreadable)));
      }
    }
  }
  return out;
}

std::string shippedDirectory(const char* what) {
  std::string self(4096, '\0');
  const ssize_t length = readlink("/proc/self/exe", self.data(), self.size());
  self.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  // PREFIX/bin/ringfence, PREFIX/libexec/ringfence/ringfenced.
  for (const std::string_view place : {"/bin/", "/libexec/ringfence/"}) {
    const std::size_t at = self.rfind(place);
    if (at == std::string::npos || self.find('/', at + place.size()) != std::string::npos) continue;
    std::string directory = self.substr(0, at) + "/share/ringfence/" + what;
    if (access(directory.c_str(), F_OK) == 0) return directory;
  }
  return std::string("/usr/share/ringfence/") + what;
}

Result<Sources> readPolicyDirectories(const std::vector<std::string>& directories) {
  Sources sources;
  for (const std::string& directory : directories) {
    std::vector<SourceText> texts = RF_TRY(readDirectory(directory));
    auto& layer = &directory == &directories.front() ? sources.shipped : sources.system;
    layer.insert(layer.end(), std::make_move_iterator(texts.begin()), std::make_move_iterator(texts.end()));
  }
  return sources;
}

}  // namespace ringfence::policy
