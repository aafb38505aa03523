#include "sandbox/launcher/placeholder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <iterator>

#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/nodes.h"

namespace ringfence::sandbox {
namespace {

constexpr int kPatienceMs = 1000;

bool parseNumber(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Up to the next NUL, which goes with it.
std::string_view takeField(std::string_view& text) {
  const std::size_t end = std::min(text.find('\0'), text.size());
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return field;
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
  for (const auto& each : placeholders) kept.push_back(each.directory->get());
  closeAllBut(std::move(kept));
  for (const auto& each : placeholders) each.remove();
  _exit(0);
}

void removeWithPatience(const std::vector<Placeholder>& placeholders) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
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

[[noreturn, gnu::noinline]] void removeAndExitAtOnce(const std::vector<Placeholder>& placeholders) {
  const Identity* taken = nullptr;
  for (const auto& each : placeholders) {
    if (taken != each.rights.get() && !takeCallerRightsAlone(*each.rights)) break;
    taken = each.rights.get();
    each.removeAsIs();
  }
  ::_exit(0);
}

// On a disk of this machine it is over in microseconds: a helper that borrows our memory is enough, and we wait for it.
// Only the helper ever has the rights of somebody else.
void removeAtOnce(const std::vector<Placeholder>& placeholders) {
  sigset_t all, before;
  sigfillset(&all);
  if (::sigprocmask(SIG_SETMASK, &all, &before) != 0) return;  // No handler of ours runs in the helper.
  const int dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  const pid_t child = ::vfork();
  if (child == 0) removeAndExitAtOnce(placeholders);
  // A change of ids takes it from the memory that the helper shared with us.
  if (dumpable == 1) (void)::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
  (void)::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

Result<std::vector<Placeholder>> Placeholder::of(UniqueFd directory, Disk disk, std::string_view text,
                                                 const Identity& run) {
  const auto shared = std::make_shared<const UniqueFd>(std::move(directory));
  const auto rights = std::make_shared<Identity>(run);
  rights->callerUid = run.uid;
  rights->callerGid = run.gid;
  rights->callerGroups = run.groups;
  std::vector<Placeholder> files;
  while (!text.empty()) {
    Placeholder made{shared, std::string(takeField(text)), 0, 0, disk, rights};
    const bool hasNumbers = parseNumber(takeField(text), made.device) && parseNumber(takeField(text), made.inode);
    if (!hasNumbers || made.name.empty() || made.name.find('/') != std::string::npos)
      return Error{ErrorCode::kInvalid, "no placeholder"};
    files.push_back(std::move(made));
  }
  return files;
}

void Placeholder::remove() const {
  const auto assumed = CallerRights::assume(*rights);
  if (assumed) removeAsIs();
}

void Placeholder::removeAsIs() const {
  struct stat status {};
  if (::fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  const bool isUnwritten = status.st_size <= static_cast<off_t>(contentOfHeld(name).size());
  const bool isOurs = S_ISSOCK(status.st_mode) || (S_ISREG(status.st_mode) && isUnwritten);
  const bool same = isOurs && status.st_dev == device && status.st_ino == inode;
  if (same) (void)::unlinkat(directory->get(), name.c_str(), 0);  // What cannot be removed means nothing.
}

void removeAll(std::vector<Placeholder> placeholders) {
  const auto split =
      std::ranges::stable_partition(placeholders, [](const Placeholder& each) { return each.disk == Disk::kLocal; });
  const std::vector<Placeholder> others(std::make_move_iterator(split.begin()), std::make_move_iterator(split.end()));
  placeholders.erase(split.begin(), split.end());
  if (!placeholders.empty()) removeAtOnce(placeholders);
  if (!others.empty()) removeWithPatience(others);
}

}  // namespace ringfence::sandbox
