#include "supervisor/meter/kernel_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kShortFile = 4096;

struct CloseDirectory {
  void operator()(DIR* directory) const { (void)closedir(directory); }
};

}  // namespace

KernelFile KernelFile::open(int directory, const std::string& name) {
  KernelFile file;
  if (directory < 0 && directory != AT_FDCWD) return file;
  // Not blocking: where a pipe stands in the place of the file, nobody waits for its other end.
  file.fd_.reset(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  return file;
}

std::optional<std::string_view> KernelFile::read(std::span<char> buffer) const {
  const auto got = readAt(buffer, 0);
  return got ? std::optional(std::string_view(buffer.data(), *got)) : std::nullopt;
}

std::optional<std::string_view> KernelFile::readWhole(std::span<char> buffer) const {
  const auto text = read(buffer);
  return text && text->size() < buffer.size() ? text : std::nullopt;
}

std::optional<std::string_view> KernelFile::readList(std::span<char> buffer) const {
  for (std::size_t filled = 0; filled < buffer.size();) {
    const auto got = readAt(buffer.subspan(filled), filled);
    if (!got) return std::nullopt;
    if (*got == 0) return std::string_view(buffer.data(), filled);
    filled += *got;
  }
  return std::nullopt;
}

std::optional<std::size_t> KernelFile::readAt(std::span<char> buffer, std::size_t offset) const {
  if (!fd_) return std::nullopt;
  ssize_t got = -1;
  do {
    got = pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  return got < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(got));
}

std::optional<std::string> readShortFile(int directory, const std::string& path) {
  std::array<char, kShortFile> buffer;
  const auto text = KernelFile::open(directory, path).readWhole(buffer);
  if (!text) return std::nullopt;
  const std::size_t end = text->find_last_not_of(" \t\n");
  return std::string(text->substr(0, end == std::string_view::npos ? 0 : end + 1));
}

Result<std::vector<DirectoryEntry>> listDirectory(int directory, const std::string& path, std::size_t limit) {
  UniqueFd fd(openat(directory, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return posixError(errno, "listing " + path);
  const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(fd.get()));
  if (stream == nullptr) return posixError(errno, "listing " + path);
  (void)fd.release();  // The stream's now.
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(stream.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entries.size() == limit) return Error{ErrorCode::kUnavailable, path + " has more entries than are looked at"};
    entries.push_back({std::move(name), entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN});
  }
  if (errno != 0) return posixError(errno, "listing " + path);
  std::sort(entries.begin(), entries.end(), [](const auto& one, const auto& other) { return one.name < other.name; });
  return entries;
}

}  // namespace ringfence::supervisor
