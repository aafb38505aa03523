#include "sandbox/launcher/placeholder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>

#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/nodes.h"

namespace ringfence::sandbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPatience{1000};

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

[[noreturn]] void removeAndExit(const std::vector<Placeholder>& placeholders) {
  std::vector<int> kept;
  for (const auto& each : placeholders) kept.push_back(each.directory->get());
  closeAllBut(std::move(kept));
  for (const auto& each : placeholders) each.remove();
  ::_exit(0);
}

}  // namespace

Result<std::vector<Placeholder>> Placeholder::of(UniqueFd directory, std::string_view text, const Identity& run) {
  const auto shared = std::make_shared<const UniqueFd>(std::move(directory));
  const auto rights = std::make_shared<Identity>(run);
  rights->callerUid = run.uid;
  rights->callerGid = run.gid;
  rights->callerGroups = run.groups;
  std::vector<Placeholder> files;
  while (!text.empty()) {
    Placeholder made{shared, std::string(takeField(text)), 0, 0, rights, run.callerUid};
    const bool hasNumbers = parseNumber(takeField(text), made.device) && parseNumber(takeField(text), made.inode);
    if (!hasNumbers || made.name.empty() || made.name.find('/') != std::string::npos)
      return Error{ErrorCode::kInvalid, "no placeholder"};
    files.push_back(std::move(made));
  }
  return files;
}

void Placeholder::remove() const {
  const auto assumed = CallerRights::assume(*rights);
  struct stat status {};
  if (!assumed || ::fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  const bool isUnwritten = status.st_size <= static_cast<off_t>(contentOfHeld(name).size());
  const bool isOurs = S_ISSOCK(status.st_mode) || (S_ISREG(status.st_mode) && isUnwritten);
  const bool same = isOurs && status.st_dev == device && status.st_ino == inode;
  if (same) (void)::unlinkat(directory->get(), name.c_str(), 0);  // What cannot be removed means nothing.
}

PlaceholderRemover::Helper PlaceholderRemover::start(std::vector<Placeholder> placeholders) {
  Helper helper;
  helper.owner = placeholders.front().owner;
  helper.pid = ::fork();
  if (helper.pid == 0) removeAndExit(placeholders);
  if (helper.pid < 0) return helper;
  if (auto life = openPidfd(helper.pid)) helper.life = std::move(*life);
  return helper;
}

bool PlaceholderRemover::isOver(const Helper& helper) {
  return helper.pid < 0 || ::waitpid(helper.pid, nullptr, WNOHANG) != 0;
}

void PlaceholderRemover::remove(std::vector<Placeholder> placeholders) {
  std::erase_if(late_, isOver);
  std::map<std::uint32_t, std::vector<Placeholder>> byOwner;
  for (auto& each : placeholders) byOwner[each.owner].push_back(std::move(each));
  std::vector<Helper> started;
  for (auto& [owner, files] : byOwner) {
    // Who keeps one of them waiting gets no second.
    const bool isStuck = std::ranges::any_of(late_, [id = owner](const Helper& one) { return one.owner == id; });
    if (!isStuck) started.push_back(start(std::move(files)));
  }
  const auto deadline = steady_clock::now() + kPatience;
  for (Helper& helper : started) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    pollfd end{helper.life.get(), POLLIN, 0};
    if (!unwaited_.contains(helper.owner)) (void)::poll(&end, 1, static_cast<int>(std::max<long>(left, 0)));
    if (isOver(helper)) continue;
    unwaited_.insert(helper.owner);
    late_.push_back(std::move(helper));
  }
}

}  // namespace ringfence::sandbox
