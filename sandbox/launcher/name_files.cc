#include "sandbox/launcher/name_files.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr Bytes kMostBytes = mebibytes(1);  // as much as an egress reads
constexpr int kMostLinks = 8;
constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR;

std::string directoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string nameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Result<NameFiles> NameFiles::create(std::string directory, std::vector<std::string> sources) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return posixError(errno, "making " + directory);
  const UniqueFd made = RF_TRY(openAt(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  // Whatever the umask: it is read by halves of an egress, which have ids of their own.
  if (::fchmod(made.get(), 0755) != 0) return posixError(errno, "opening " + directory + " to be read");
  // Others may have taken all that root may have of them; then refresh() alone follows the files.
  UniqueFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  NameFiles files(std::move(directory), std::move(sources), std::move(changes));
  files.refresh();
  return files;
}

// The directory of the file and, where it is a link, of everything that it leads through. A directory that is itself a
// link is followed, and not watched as one.
void NameFiles::watchWayTo(const std::string& source) {
  std::string path = source;
  for (int links = 0; links <= kMostLinks; ++links) {
    names_.insert(nameOf(path));
    // One that is absent cannot be watched; the copy is then as it was when the way to it was looked at last.
    (void)::inotify_add_watch(changes_.get(), directoryOf(path).c_str(), kEvents);
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size() - 1);
    if (length <= 0) return;
    const std::string led(target.data(), static_cast<std::size_t>(length));
    path = led.front() == '/' ? led : directoryOf(path) + "/" + led;
  }
}

// In one step: who reads meanwhile has the old one or the new one, whole.
void NameFiles::copy(const std::string& source) {
  const std::string goal = directory_ + "/" + nameOf(source), next = goal + ".next";
  const auto text = readFileAt(AT_FDCWD, source, kMostBytes);
  bool written = false;
  if (text) {
    (void)::unlink(next.c_str());
    auto made = openAt(AT_FDCWD, next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    written = made && ::fchmod(made->get(), 0644) == 0 && writeAll(made->get(), *text, next) &&
              ::rename(next.c_str(), goal.c_str()) == 0;
  }
  if (written) return;
  // Names of another network are worse than none.
  (void)::unlink(next.c_str());
  (void)::unlink(goal.c_str());
}

void NameFiles::refresh() {
  names_.clear();
  // Watched first: what changes while it is copied is copied again.
  for (const std::string& source : sources_) watchWayTo(source);
  for (const std::string& source : sources_) copy(source);
}

void NameFiles::onChange() {
  alignas(inotify_event) std::array<char, 16384> bytes;
  bool ours = false;
  for (;;) {
    const ssize_t length = ::read(changes_.get(), bytes.data(), bytes.size());
    if (length <= 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(length);) {
      inotify_event event{};
      std::memcpy(&event, bytes.data() + at, sizeof event);
      // Some were lost, or a directory is gone: then anything may have changed.
      const bool unknown = (event.mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0;
      if (unknown || (event.len > 0 && names_.contains(bytes.data() + at + sizeof event))) ours = true;
      at += sizeof event + event.len;
    }
  }
  if (ours) refresh();
}

}  // namespace ringfence::sandbox
