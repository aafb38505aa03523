#include "supervisor/group_watch.h"

#include <poll.h>

#include <algorithm>
#include <sstream>

#include "sdk/base/io.h"

namespace ringfence::supervisor {
namespace {

// Together with what a suspicion takes (group_signs.h), less than a second.
constexpr Milliseconds kLookEvery{600};
constexpr Milliseconds kLookEveryBlind{300};
// Between two looks at a run of which the kernel tells again and again.
constexpr Milliseconds kLeastBetween{50};

bool isWatched(const Run& run) {
  return std::holds_alternative<Running>(run.life) || std::holds_alternative<Frozen>(run.life);
}

std::int32_t initPidOf(const Run& run) {
  if (const auto* running = std::get_if<Running>(&run.life)) return running->initPid;
  const auto* frozen = std::get_if<Frozen>(&run.life);
  return frozen == nullptr ? 0 : frozen->initPid;
}

std::optional<bool> isSet(KernelFile& file, int root, const std::string& path) {
  std::array<char, 16> buffer;
  auto text = file.read(buffer);
  if (!text) {  // Not opened yet, or what was is gone.
    file = KernelFile::open(root, path);
    text = file.read(buffer);
  }
  return text && !text->empty() ? std::optional(text->front() == '1') : std::nullopt;
}

}  // namespace

GroupWatch::GroupWatch(World world) : world_(std::move(world)), live_(world_.turns) {
  if (!canLook()) return;
  auto notices = FileNotices::create();
  if (notices)
    notices_.emplace(*std::move(notices));
  else
    world_.say(notices.error().message + "; control groups are looked at more often instead");
}

Milliseconds GroupWatch::interval() const { return notices_ && !isBlind_ ? kLookEvery : kLookEveryBlind; }

std::string GroupWatch::groupOf(const Run& run) const {
  const std::string agent = world_.cgroups->agentPath(run.id, run.what.priority);
  return (world_.features.unifiedMount + agent.substr(0, agent.rfind('/'))).substr(1);
}

// ---- whom to look at, and when

void GroupWatch::settle() {
  const State& state = world_.turns.state();
  if (!canLook() || settledAt_ == state.lastSeq) return;
  settledAt_ = state.lastSeq;
  const bool any = std::ranges::any_of(live_.all(), [](const Run* run) { return isWatched(*run); });
  if (any && !next_) next_ = world_.clock.now().boottime + interval();
  if (!any) next_.reset();
  for (auto watched = watched_.begin(); watched != watched_.end();) {
    const auto run = state.runs.find(watched->first);
    if (run != state.runs.end() && isWatched(run->second)) {
      ++watched;
      continue;
    }
    forget(watched->second);
    watched = watched_.erase(watched);
  }
}

void GroupWatch::forget(Watched& watched) {
  for (const FileNotices::Id id : watched.notices) notices_->forget(id);
}

std::optional<Microseconds> GroupWatch::nextWake() const {
  std::optional<Microseconds> next = next_;
  for (const auto& [id, watched] : watched_) {
    if (next && watched.againAt) next = std::min(*next, *watched.againAt);
  }
  return next;
}

void GroupWatch::wake() {
  if (!next_) return;
  const Microseconds now = world_.clock.now().boottime;
  std::vector<RunId> due;
  if (*next_ <= now) {
    next_ = now + interval();
    for (const Run* run : live_.all()) {
      if (!isWatched(*run)) continue;
      if (!watched_.contains(run->id)) begin(*run);
      due.push_back(run->id);
    }
  } else {
    for (const auto& [id, watched] : watched_) {
      if (watched.againAt && *watched.againAt <= now) due.push_back(id);
    }
  }
  lookAt(due);
}

void GroupWatch::begin(const Run& run) {
  Watched& watched = watched_[run.id];
  if (!notices_) return;
  const std::string group = groupOf(run);
  for (const char* file : {"/cgroup.freeze", "/agent/cgroup.freeze", "/agent/cgroup.events"}) {
    const auto id = notices_->watch(world_.root, group + file);
    if (id) {
      watched.notices.push_back(*id);
    } else if (id.error().code == ErrorCode::kBusy && !isBlind_) {
      isBlind_ = true;
      world_.say(id.error().message + "; control groups are looked at more often instead");
    }  // Else it is gone, or going.
  }
}

void GroupWatch::ready() {
  if (!notices_) return;
  const FileNotices::Told told = notices_->take();
  const Microseconds now = world_.clock.now().boottime;
  for (auto& [id, watched] : watched_) {
    const bool isTold = told.lost || std::ranges::any_of(watched.notices, [&](FileNotices::Id one) {
                          return std::ranges::binary_search(told.changed, one);
                        });
    if (isTold) watched.againAt = std::max(now, Microseconds(watched.lookedAt + kLeastBetween));
  }
  wake();
}

// ---- looking

void GroupWatch::lookAt(const std::vector<RunId>& runs) {
  const Microseconds now = world_.clock.now().boottime;
  std::vector<GroupsTouched> certain;
  for (const RunId& id : runs) {
    const auto run = world_.turns.state().runs.find(id);
    const auto watched = watched_.find(id);
    if (run == world_.turns.state().runs.end() || watched == watched_.end()) continue;
    auto finding = judgeGroups(run->second.life, signsOf(run->second, watched->second));
    if (watched->second.suspicion.note(finding, now))
      certain.push_back({id, finding->trouble, std::move(finding->reason)});
    watched->second.lookedAt = now;
    watched->second.againAt = watched->second.suspicion.lookAgainAt();
  }
  for (const GroupsTouched& one : certain) world_.submit(one);
}

GroupSigns GroupWatch::signsOf(const Run& run, Watched& watched) {
  GroupSigns signs;
  signs.isLettingGo = world_.turns.isLettingGo(run.id);
  // First: whoever opens the emergency stop holds each run before the branch goes on.
  if (std::holds_alternative<Frozen>(run.life)) signs.isBranchHeld = isBranchHeld(run);
  const std::array<int, 2> pids{initPidOf(run), commandPid(run.life)};
  for (std::size_t i = 0; i < pids.size(); ++i) {
    Process& process = watched.processes[i];
    if (process.pid != pids[i]) process = {pids[i], {}, {}};
    if (isElsewhere(run, process, signs)) return signs;
  }
  const std::string group = groupOf(run);
  const auto whole = isSet(watched.ofRun, world_.root, group + "/cgroup.freeze");
  const auto agent = isSet(watched.ofAgent, world_.root, group + "/agent/cgroup.freeze");
  if (whole && agent) signs.isHeld = *whole || *agent;
  return signs;
}

// Whoever stops all of them stops their branch. What it says of itself counts: an agent with a call that waits for a
// person is never told to be frozen.
bool GroupWatch::isBranchHeld(const Run& run) {
  const std::string group = groupOf(run);
  const std::string path = group.substr(0, group.rfind('/')) + "/cgroup.freeze";
  return isSet(branches_[path], world_.root, path).value_or(false);
}

// What cannot be read is no process any more.
bool GroupWatch::isElsewhere(const Run& run, Process& process, GroupSigns& signs) const {
  if (process.pid <= 0) return false;
  std::array<char, kFileBuffer> buffer __attribute__((uninitialized));
  if (!process.groups)
    process.groups = KernelFile::open(world_.root, "proc/" + std::to_string(process.pid) + "/cgroup");
  const auto text = process.groups.readWhole(buffer);
  if (!text || *text == process.whereItBelongs) return false;
  const auto entries = sandbox::parseCgroups(*text);
  if (!entries) return false;
  const std::string wanted = world_.cgroups->agentPath(run.id, run.what.priority);
  for (const sandbox::CgroupEntry& entry : *entries) {
    if (!belongsInto(entry) || entry.path == wanted || entry.path.starts_with(wanted + "/")) continue;
    // What ends is shown in no group of v1, and the number may be another's by now.
    if (isEnding(process.pid) || hasEnded(run.id)) return false;
    signs.elsewhere = {process.pid, entry.path};
    return true;
  }
  process.whereItBelongs = *text;
  return false;
}
// The unified hierarchy holds and ends it; of the others those that limit it. The processor's is left out: a launch is
// in another group there for a moment.
bool GroupWatch::belongsInto(const sandbox::CgroupEntry& entry) const {
  return entry.controllers.empty() || std::ranges::any_of(entry.controllers, [&](const std::string& name) {
           const auto known = world_.features.controllers.find(name);
           return (name == "memory" || name == "pids") && known != world_.features.controllers.end();
         });
}

bool GroupWatch::isEnding(int pid) const {
  constexpr unsigned long kExiting = 4;  // PF_EXITING
  const auto text = readFileAt(world_.root, "proc/" + std::to_string(pid) + "/stat", kibibytes(4));
  if (!text) return true;
  // After the name: state, parent, group, session, terminal, its group, flags.
  std::istringstream fields(text->substr(text->rfind(')') + 1));
  std::string skipped;
  unsigned long flags = 0;
  for (int i = 0; i < 6; ++i) fields >> skipped;
  return !(fields >> flags) || (flags & kExiting) != 0;
}

bool GroupWatch::hasEnded(const RunId& run) const {
  const auto pidfd = world_.launcher.copyOf(run, sandbox::HeldFd::kPidfd);
  if (!pidfd) return true;  // The launcher does not have it: what is to be told of it, it tells.
  pollfd ended{.fd = pidfd->get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, 0) > 0;
}

}  // namespace ringfence::supervisor
