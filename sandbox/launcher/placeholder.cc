#include "sandbox/launcher/placeholder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "sandbox/kernel/identity.h"

namespace ringfence::sandbox {
namespace {

constexpr int kPatienceMs = 1000;

bool parseNumber(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// A helper that hangs must hold nothing of ours: not the daemon's connection, not what tells runs that we are gone.
void closeAllBut(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned from = 0;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > from) (void)::close_range(from, number - 1, 0);
    from = number + 1;
  }
  (void)::close_range(from, ~0U, 0);
}

[[noreturn]] void removeAndExit(const std::vector<Placeholder>& placeholders, int sign) {
  std::vector<int> kept{sign};
  for (const auto& each : placeholders) kept.push_back(each.directory.get());
  closeAllBut(std::move(kept));
  for (const auto& each : placeholders) each.remove();
  _exit(0);
}

}  // namespace

Result<Placeholder> Placeholder::of(UniqueFd directory, std::string_view text, const Identity& run) {
  const std::size_t first = text.find('\0');
  const std::size_t second = first == text.npos ? text.npos : text.find('\0', first + 1);
  Placeholder made{std::move(directory), std::string(text.substr(0, first)), 0, 0, run};
  if (second == text.npos || made.name.empty() || made.name.find('/') != std::string::npos ||
      !parseNumber(text.substr(first + 1, second - first - 1), made.device) ||
      !parseNumber(text.substr(second + 1), made.inode))
    return Error{ErrorCode::kInvalid, "no placeholder"};
  made.rights.callerUid = run.uid;
  made.rights.callerGid = run.gid;
  made.rights.callerGroups = run.groups;
  return made;
}

void Placeholder::remove() const {
  const auto assumed = CallerRights::assume(rights);
  if (!assumed) return;
  struct stat status {};
  if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  const bool same = S_ISREG(status.st_mode) && status.st_size == 0 && status.st_dev == device && status.st_ino == inode;
  if (same) (void)::unlinkat(directory.get(), name.c_str(), 0);  // What cannot be removed is an empty file.
}

void removeAll(const std::vector<Placeholder>& placeholders) {
  int ends[2];
  if (placeholders.empty() || ::pipe2(ends, O_CLOEXEC) != 0) return;
  const UniqueFd sign(ends[0]);
  UniqueFd helpers(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) removeAndExit(placeholders, helpers.get());  // Reaped by whoever reaps orphans.
    _exit(0);
  }
  helpers.reset();
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
  pollfd done{sign.get(), POLLIN, 0};
  (void)::poll(&done, 1, kPatienceMs);
}

}  // namespace ringfence::sandbox
