#include "supervisor/group_watch.h"

#include <poll.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "sdk/base/io.h"
#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

// What is found is acted on at the second look: within a second, also where one comes late.
constexpr Milliseconds kLookEvery{300};

bool isWatched(const Run& run) {
  return std::holds_alternative<Running>(run.life) || std::holds_alternative<Frozen>(run.life);
}

std::int32_t initPidOf(const Run& run) {
  if (const auto* running = std::get_if<Running>(&run.life)) return running->initPid;
  const auto* frozen = std::get_if<Frozen>(&run.life);
  return frozen == nullptr ? 0 : frozen->initPid;
}

// Whoever stops all of them stops their branch. What it says of itself counts: an agent with a call that waits for a
// person is never told to be frozen.
bool isBranchFrozen(const GroupWatch::World& world, const Run& run) {
  const std::string agent = world.cgroups->agentPath(run.id, run.what.priority);
  const std::string branch = world.features.unifiedMount + agent.substr(0, agent.find('/', 1));
  const auto text = readFileAt(world.root, branch.substr(1) + "/cgroup.freeze", kibibytes(1));
  return text && text->starts_with("1");
}

}  // namespace

std::optional<Microseconds> GroupWatch::nextWake() const {
  if (world_.cgroups == nullptr || world_.root < 0) return std::nullopt;
  const auto& runs = world_.turns.state().runs;
  if (std::ranges::none_of(runs, [](const auto& entry) { return isWatched(entry.second); })) return std::nullopt;
  return next_.value_or(world_.clock.now().boottime);
}

void GroupWatch::wake() {
  const auto due = nextWake();
  const Microseconds now = world_.clock.now().boottime;
  if (!due) next_.reset();
  if (!due || *due > now) return;
  next_ = now + kLookEvery;
  std::map<RunId, Finding> found;
  std::vector<GroupsTouched> certain;
  for (const auto& [id, run] : world_.turns.state().runs) {
    if (!isWatched(run)) continue;
    auto finding = look(run);
    if (!finding) continue;
    const auto before = seen_.find(id);
    if (before != seen_.end() && before->second == *finding)
      certain.push_back({id, finding->trouble, finding->reason});
    else
      found.emplace(id, *std::move(finding));
  }
  seen_ = std::move(found);
  for (const GroupsTouched& one : certain) world_.submit(one);
}

std::optional<GroupWatch::Finding> GroupWatch::look(const Run& run) const {
  for (const int pid : {initPidOf(run), commandPid(run.life)}) {
    auto elsewhere = whereElse(run, pid);
    if (!elsewhere) continue;
    return Finding{GroupTrouble::kMovedOut, "another program moved it out of its control groups (process " +
                                                std::to_string(pid) + " is in " + escapeForDisplay(*elsewhere) +
                                                "), which neither limit nor stop it any more"};
  }
  const auto setting = world_.cgroups->freezeSetting(run.id, run.what.priority);
  if (!setting || world_.turns.isLettingGo(run.id)) return std::nullopt;
  const bool isSet = setting->run || setting->agent;
  if (std::holds_alternative<Running>(run.life)) {
    if (!isSet) return std::nullopt;
    return Finding{GroupTrouble::kFrozen, "another program froze its control groups; resume it to let it go on"};
  }
  if (isSet || isBranchFrozen(world_, run)) return std::nullopt;
  return Finding{GroupTrouble::kThawed, "another program let it run while it was to be held; it is held again"};
}

// Where that process is instead; nothing: where it belongs, or no process any more.
std::optional<std::string> GroupWatch::whereElse(const Run& run, int pid) const {
  if (pid <= 0) return std::nullopt;
  const auto text = readFileAt(world_.root, "proc/" + std::to_string(pid) + "/cgroup", kibibytes(64));
  if (!text) return std::nullopt;
  const auto entries = sandbox::parseCgroups(*text);
  if (!entries) return std::nullopt;
  const std::string wanted = world_.cgroups->agentPath(run.id, run.what.priority);
  for (const sandbox::CgroupEntry& entry : *entries) {
    if (!belongsInto(entry) || entry.path == wanted || entry.path.starts_with(wanted + "/")) continue;
    // What ends is shown in no group of v1, and the number may be another's by now.
    return isEnding(pid) || hasEnded(run.id) ? std::nullopt : std::optional(entry.path);
  }
  return std::nullopt;
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
