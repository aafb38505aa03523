#include "supervisor/focus.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sandbox/kernel/procfs.h"
#include "sdk/base/io.h"

namespace ringfence::supervisor {
namespace {

// A window that comes and goes at once must not be written for.
constexpr Microseconds kBetweenChanges{200'000};
constexpr Microseconds kLookEvery{2'000'000};
constexpr Bytes kMaxFocusFile{256 << 10};

std::vector<std::string_view> split(std::string_view text, char at, std::size_t most) {
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < most) {
    const std::size_t end = text.find(at);
    if (end == std::string_view::npos) break;
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

bool livesIn(int process) {
  const auto text = readFileAt(process, "stat", kibibytes(4));
  if (!text) return false;
  const std::size_t name = text->rfind(") ");  // the name before it is the process's own choice
  return name != std::string::npos && name + 2 < text->size() && (*text)[name + 2] != 'Z' && (*text)[name + 2] != 'X';
}

}  // namespace

std::string focusFileText(const std::string& bootId, const std::vector<sandbox::ProtectionWrite>& writes) {
  std::string text = bootId + "\n";
  // The path last: a name of a group may hold anything but a line's end.
  for (const sandbox::ProtectionWrite& write : writes)
    text += write.key + "\t" + write.before + "\t" + write.after + "\t" + write.path + "\n";
  return text;
}

std::vector<sandbox::ProtectionWrite> parseFocusFile(const std::string& bootId, std::string_view text) {
  std::vector<sandbox::ProtectionWrite> writes;
  const std::size_t first = text.find('\n');
  if (first == std::string_view::npos || text.substr(0, first) != bootId) return writes;
  text.remove_prefix(first + 1);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;  // the file was not written whole, so nothing of that line was either
    const auto fields = split(text.substr(0, end), '\t', 4);
    text.remove_prefix(end + 1);
    if (fields.size() != 4 || fields[3].empty() || fields[3].find("..") != std::string_view::npos) continue;
    writes.push_back({std::string(fields[3]), std::string(fields[0]), std::string(fields[1]), std::string(fields[2])});
  }
  return writes;
}

Focus::Focus(World world) : world_(std::move(world)) {
  const auto left = readFileAt(AT_FDCWD, world_.file, kMaxFocusFile);
  if (left) {
    world_.say("the focus that was set before this start is over; what it had protected is put back");
    undo(parseFocusFile(world_.bootId, *left));
  }
  if (::unlink(world_.file.c_str()) != 0 && errno != ENOENT)
    world_.say(posixError(errno, "removing " + world_.file).message);
}

Focus::~Focus() { letGo(); }

void Focus::undo(const std::vector<sandbox::ProtectionWrite>& writes) const {
  for (auto write = writes.rbegin(); write != writes.rend(); ++write) {
    auto undone = sandbox::undoProtection(world_.root, *write);
    if (!undone) world_.say("what the focus had protected stays so: " + undone.error().message);
  }
}

void Focus::letGo() {
  next_.reset();
  if (!focused_) return;
  undo(focused_->writes);
  focused_.reset();
  if (::unlink(world_.file.c_str()) != 0 && errno != ENOENT)
    world_.say(posixError(errno, "removing " + world_.file).message);
}

// No sync: what must be outlived is the end of the daemon. With the machine go the groups.
Result<void> Focus::keep(const std::vector<sandbox::ProtectionWrite>& writes) const {
  const std::string fresh = world_.file + ".new";
  const UniqueFd file = RF_TRY(openAt(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  RF_TRY(writeAll(file.get(), focusFileText(world_.bootId, writes), fresh));
  if (::rename(fresh.c_str(), world_.file.c_str()) != 0) return posixError(errno, "renaming " + fresh);
  return {};
}

Result<Focus::Focused> Focus::look(const Peer& peer, std::int32_t pid, Bytes memory,
                                   std::vector<sandbox::ProtectionWrite>& writes) {
  const std::string name = "process " + std::to_string(pid);
  Focused focused;
  auto process = openAt(world_.root, "proc/" + std::to_string(pid), O_RDONLY | O_DIRECTORY);
  if (!process) return Error{ErrorCode::kNotFound, name + " does not exist", ENOENT};
  focused.process = *std::move(process);
  const auto read = [&](const char* file) { return readFileAt(focused.process.get(), file, kibibytes(64)); };
  const auto statusText = read("status");
  if (!statusText) return Error{ErrorCode::kNotFound, name + " has ended", ESRCH};
  const sandbox::ProcStatus status = RF_TRY(sandbox::parseStatus(*statusText));
  const bool isPeers = std::all_of(status.uid.begin(), status.uid.end(), [&](auto uid) { return uid == peer.uid; });
  if (!isPeers && peer.uid != 0) return Error{ErrorCode::kDenied, name + " is not yours", 0};
  focused.uid = status.uid[0];
  const std::string groups = RF_TRY(read("cgroup"));
  if (sandbox::isGroupOfRun(groups))
    return Error{ErrorCode::kDenied, name + " is in a run: agents are what is protected from", 0};
  auto owned = sandbox::checkGroupOwner(world_.root, world_.features, groups, focused.uid);
  if (!owned) return std::move(owned).error().with(name + " cannot be protected");
  sandbox::ProtectionPlan plan = sandbox::planProtection(world_.root, world_.features, groups, memory);
  // What was read belongs to this process only if it lived until now.
  if (!livesIn(focused.process.get())) return Error{ErrorCode::kNotFound, name + " has ended", ESRCH};
  focused.report = {pid, std::move(plan.group), std::move(plan.parts)};
  writes = std::move(plan.writes);
  return focused;
}

Result<Focus::Report> Focus::set(const Peer& peer, std::int32_t pid, Bytes memory) {
  const Microseconds now = world_.clock.now().boottime;
  const bool isSame = focused_ && focused_->report.pid == pid && livesIn(focused_->process.get());
  if (isSame && (peer.uid == 0 || focused_->uid == peer.uid)) return focused_->report;
  std::vector<sandbox::ProtectionWrite> writes;
  {  // Who may not has changed nothing.
    const Focused allowed = RF_TRY(look(peer, pid, memory, writes));
  }
  if (changed_ && now - *changed_ < kBetweenChanges)
    return Error{ErrorCode::kBusy, "the focus changed less than 200 ms ago; ask again", 0};
  letGo();
  // Again, as the numbers are those without the focus before.
  Focused focused = RF_TRY(look(peer, pid, memory, writes));
  changed_ = now;
  if (!writes.empty()) RF_TRY(keep(writes));
  focused_ = std::move(focused);
  for (const sandbox::ProtectionWrite& write : writes) {
    auto written = sandbox::writeProtection(world_.root, write);
    if (!written) {
      letGo();
      return std::move(written).error().with("nothing is protected");
    }
    focused_->writes.push_back(write);
  }
  next_ = now + kLookEvery;
  return focused_->report;
}

Result<Focus::Report> Focus::clear(const Peer& peer) {
  if (focused_ && peer.uid != 0 && focused_->uid != peer.uid)
    return Error{ErrorCode::kDenied, "the focus is on a process of another user", 0};
  letGo();
  return Report{};
}

Focus::Report Focus::report(const Peer& peer) const {
  if (!focused_ || (peer.uid != 0 && focused_->uid != peer.uid)) return {};
  return focused_->report;
}

void Focus::wake() {
  const Microseconds now = world_.clock.now().boottime;
  if (!focused_ || !next_ || now < *next_) return;
  next_ = now + kLookEvery;
  if (!livesIn(focused_->process.get())) letGo();
}

std::optional<Microseconds> Focus::nextWake(bool somebodyRuns) const {
  return focused_ && somebodyRuns ? next_ : std::nullopt;
}

}  // namespace ringfence::supervisor
