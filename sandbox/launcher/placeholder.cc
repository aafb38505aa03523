#include "sandbox/launcher/placeholder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>
#include <span>
#include <utility>

#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/nodes.h"
#include "sandbox/launcher/report.h"
#include "sandbox/launcher/rest.h"

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

// The groups of the run, each ended by a comma, NUL, and what Placeholder::of takes.
std::string orderText(const Identity& rights, std::span<const Placeholder> files) {
  std::string text;
  for (const auto group : rights.callerGroups) text += std::to_string(group) + ",";
  text += '\0';
  for (const Placeholder& each : files)
    text += each.name + '\0' + std::to_string(each.device) + '\0' + std::to_string(each.inode) + '\0';
  return text;
}

void obeyOrder(Report order) {
  Identity run;
  run.uid = static_cast<std::uint32_t>(order.value);
  run.gid = static_cast<std::uint32_t>(order.extra);
  std::string_view text = order.text;
  std::string_view groups = takeField(text);
  while (!groups.empty()) {
    const std::size_t comma = std::min(groups.find(','), groups.size());
    std::uint64_t group = 0;
    if (!parseNumber(groups.substr(0, comma), group)) return;
    run.groups.push_back(static_cast<std::uint32_t>(group));
    groups.remove_prefix(std::min(comma + 1, groups.size()));
  }
  if (order.fds.size() != 1) return;
  const auto files = Placeholder::of(std::move(order.fds[0]), text, run);
  if (!files || files->empty()) return;
  const auto assumed = CallerRights::assume(*files->front().rights);
  for (const Placeholder& each : *files) {
    if (assumed) each.remove();
  }
}

constexpr std::uint32_t kRemove = 1, kDone = 2;

[[noreturn]] void obeyOrders(int orders) {
  closeAllBut({orders});
  for (;;) {
    restUntilReadable(orders);
    auto order = receiveReport(orders);
    if (!order || order->kind != kRemove) ::_exit(0);  // Whoever started us is gone.
    obeyOrder(std::move(*order));
    if (!sendReport(orders, kDone, 0, 0, "")) ::_exit(0);
  }
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
  struct stat status {};
  if (::fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  const bool isUnwritten = status.st_size <= static_cast<off_t>(contentOfHeld(name).size());
  const bool isOurs = S_ISSOCK(status.st_mode) || (S_ISREG(status.st_mode) && isUnwritten);
  const bool same = isOurs && status.st_dev == device && status.st_ino == inode;
  if (same) (void)::unlinkat(directory->get(), name.c_str(), 0);  // What cannot be removed means nothing.
}

std::optional<PlaceholderRemover::Helper> PlaceholderRemover::start() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return std::nullopt;
  Helper helper{.orders = UniqueFd(ends[0])};
  const UniqueFd its(ends[1]);
  helper.pid = ::fork();
  if (helper.pid == 0) obeyOrders(its.get());
  return helper.pid > 0 ? std::optional(std::move(helper)) : std::nullopt;
}

// An order for those that follow each other in one directory.
bool PlaceholderRemover::give(Helper& helper, const std::vector<Placeholder>& files) {
  for (std::size_t next = 0; next < files.size();) {
    const Placeholder& first = files[next];
    std::size_t end = next;
    while (end < files.size() && files[end].directory == first.directory && files[end].rights == first.rights) ++end;
    const auto text = orderText(*first.rights, std::span(files).subspan(next, end - next));
    const int fds[] = {first.directory->get()};
    if (!sendReport(helper.orders.get(), kRemove, static_cast<std::int32_t>(first.rights->callerUid),
                    static_cast<std::int32_t>(first.rights->callerGid), text, fds, MSG_DONTWAIT))
      return helper.unanswered > 0;  // What it has been given is waited for; the rest stays.
    ++helper.unanswered;
    next = end;
  }
  return true;
}

// True: it has done what it was given, or it is gone.
bool PlaceholderRemover::takeAnswers(Helper& helper) {
  while (helper.unanswered > 0) {
    const auto answer = receiveReport(helper.orders.get(), MSG_DONTWAIT);
    if (!answer && answer.error().sysErrno == EAGAIN) return false;
    if (!answer || answer->kind != kDone) {
      helper.orders.reset();
      return true;
    }
    --helper.unanswered;
  }
  return true;
}

// One that died meanwhile is replaced.
std::optional<PlaceholderRemover::Helper> PlaceholderRemover::helperFor(std::uint32_t owner,
                                                                        const std::vector<Placeholder>& files) {
  for (int tries = 0; tries < 2; ++tries) {
    auto helper = idle_ ? std::exchange(idle_, std::nullopt) : start();
    if (!helper) return std::nullopt;
    helper->owner = owner;
    if (give(*helper, files)) return helper;
    leaving_.push_back(helper->pid);
  }
  return std::nullopt;
}

void PlaceholderRemover::keep(Helper helper) {
  if (helper.orders && !idle_)
    idle_ = std::move(helper);
  else
    leaving_.push_back(helper.pid);
}

void PlaceholderRemover::reap() {
  std::erase_if(leaving_, [](int pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

void PlaceholderRemover::remove(std::vector<Placeholder> placeholders) {
  for (Helper& helper : std::exchange(late_, {})) {
    if (takeAnswers(helper))
      keep(std::move(helper));
    else
      late_.push_back(std::move(helper));
  }
  reap();
  std::map<std::uint32_t, std::vector<Placeholder>> byOwner;
  for (auto& each : placeholders) byOwner[each.owner].push_back(std::move(each));
  std::vector<Helper> working;
  for (const auto& [owner, files] : byOwner) {
    // Who keeps one of them waiting gets no second.
    const bool isStuck = std::ranges::any_of(late_, [id = owner](const Helper& one) { return one.owner == id; });
    if (isStuck) continue;
    if (auto helper = helperFor(owner, files)) working.push_back(std::move(*helper));
  }
  const auto deadline = steady_clock::now() + kPatience;
  for (Helper& helper : working) {
    while (!takeAnswers(helper) && !unwaited_.contains(helper.owner)) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
      pollfd answer{helper.orders.get(), POLLIN, 0};
      if (left <= 0 || ::poll(&answer, 1, static_cast<int>(left)) == 0) unwaited_.insert(helper.owner);
    }
    if (takeAnswers(helper)) {
      keep(std::move(helper));
      continue;
    }
    late_.push_back(std::move(helper));
  }
}

}  // namespace ringfence::sandbox
