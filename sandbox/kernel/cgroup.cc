#include "sandbox/kernel/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>
#include <string_view>

#include "sandbox/kernel/mount_table.h"
#include "sandbox/kernel/run_owner.h"
#include "sdk/base/directory.h"
#include "sdk/base/group_names.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kCpuPeriodUsec = 100000;
// Guards outside their run's group get this part of its limit again; the kernel sets none below the other.
constexpr std::uint64_t kGuardsPart = 4, kLeastQuotaUsec = 1000;
constexpr policy::PriorityClass kBranches[] = {policy::PriorityClass::kBackground, policy::PriorityClass::kInteractive};

// Against the 1,024 of anything else: all guards of background runs together get a twentieth of a processor that the
// foreground wants, and what nobody wants.
constexpr const char* kGuardShares = "51";

constexpr const char* kLeastShares = "2";
constexpr const char* kLeastWeight = "1";

std::string branchName(const std::string& name, policy::PriorityClass priority) {
  return name + (priority == policy::PriorityClass::kInteractive ? kInteractiveBranch : kBackgroundBranch);
}

const char* nameOf(Leaf leaf) {
  switch (leaf) {
    case Leaf::kAgent: return "/agent";
    case Leaf::kWarden: return "/warden";
    case Leaf::kEgress: break;
  }
  return "/egress";
}

std::string joinPath(const std::string& directory, const std::string& name) {
  return (directory.starts_with('/') ? directory.substr(1) : directory) + "/" + name;
}

Result<void> makeDirectory(int root, const std::string& path) {
  if (mkdirat(root, path.c_str(), 0755) != 0) return posixError(errno, "making control group /" + path);
  return {};
}

std::optional<std::uint64_t> parseNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> readNumber(int root, const std::string& path) {
  const auto text = readFileAt(root, path, kibibytes(4));
  return text ? parseNumber(*text) : std::nullopt;
}

// "key value" lines; and io.stat's "8:0 rbytes=1 wbytes=2", summed over devices.
std::optional<std::uint64_t> readKey(int root, const std::string& path, std::string_view key) {
  const auto text = readFileAt(root, path, kibibytes(64));
  if (!text) return std::nullopt;
  const std::vector<std::string> words = splitWords(*text);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == key) return parseNumber(words[i + 1]);
  }
  return std::nullopt;
}

std::uint64_t sumAfter(std::string_view text, std::string_view marker) {
  std::uint64_t sum = 0;
  for (std::size_t at = text.find(marker); at != std::string_view::npos; at = text.find(marker, at + 1)) {
    sum += parseNumber(text.substr(at + marker.size())).value_or(0);
  }
  return sum;
}

Result<std::vector<std::string>> subdirectories(int root, const std::string& path) {
  Directory directory = RF_TRY(Directory::open(root, path));
  std::vector<std::string> names;
  while (const dirent* entry = directory.next()) {
    if (entry->d_type == DT_DIR) names.emplace_back(entry->d_name);
  }
  return names;
}

Result<void> removeTree(int root, const std::string& path) {
  if (unlinkat(root, path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  const auto children = subdirectories(root, path);
  if (!children) {
    if (children.error().sysErrno == ENOENT) return {};
    return children.error();
  }
  for (const std::string& child : *children) RF_TRY(removeTree(root, path + "/" + child));
  if (unlinkat(root, path.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return posixError(errno, "removing control group /" + path);
  }
  return {};
}

}  // namespace

CgroupTree::CgroupTree(KernelFeatures features, std::string name, UniqueFd root, std::vector<Hierarchy> hierarchies)
    : features_(std::move(features)),
      name_(std::move(name)),
      root_(std::move(root)),
      hierarchies_(std::move(hierarchies)) {}

Result<CgroupTree> CgroupTree::open(const KernelFeatures& features, std::string name, UniqueFd root,
                                    Processors processors) {
  if (name.empty() || name.find_first_of("/. \n") != std::string::npos) {
    return Error{ErrorCode::kInvalid, "control group root `" + name + "`: letters, digits and - only"};
  }
  if (features.unifiedMount.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "cgroup: no cgroup2 file system is mounted, so nothing can be frozen or killed"};
  }
  std::vector<Hierarchy> hierarchies{{features.unifiedMount, 2, {}}};
  for (const char* controller : {"memory", "cpu", "pids", "io", "dmem"}) {
    const auto place = features.controllers.find(controller);
    if (place == features.controllers.end()) continue;
    const auto known = std::find_if(hierarchies.begin(), hierarchies.end(),
                                    [&](const Hierarchy& h) { return h.mountPoint == place->second.mountPoint; });
    if (known != hierarchies.end())
      known->controllers.emplace_back(controller);
    else
      hierarchies.push_back({place->second.mountPoint, place->second.version, {controller}});
  }
  CgroupTree tree(features, std::move(name), std::move(root), std::move(hierarchies));
  for (const Hierarchy& hierarchy : tree.hierarchies_) RF_TRY(tree.makeBranches(hierarchy));
  // Agents are fenced without it as well: whoever wants a processor kept free is told then.
  if (processors == Processors::kReservable) (void)tree.makeReservable();
  return tree;
}

Result<void> CgroupTree::makeBranches(const Hierarchy& hierarchy) const {
  std::string enabled;
  if (hierarchy.version == 2) {
    for (const std::string& controller : hierarchy.controllers) enabled += (enabled.empty() ? "+" : " +") + controller;
    if (!enabled.empty()) {
      RF_TRY(writeFileAt(root_.get(), joinPath(hierarchy.mountPoint, "cgroup.subtree_control"), enabled));
    }
  }
  for (const policy::PriorityClass priority : kBranches) {
    const std::string branch = branchPath(hierarchy.mountPoint, priority);
    if (mkdirat(root_.get(), branch.c_str(), 0755) != 0 && errno != EEXIST) {
      return posixError(errno, "making control group /" + branch);
    }
    if (!enabled.empty()) RF_TRY(writeFileAt(root_.get(), branch + "/cgroup.subtree_control", enabled));
    const bool hasCpu =
        std::find(hierarchy.controllers.begin(), hierarchy.controllers.end(), "cpu") != hierarchy.controllers.end();
    if (hasCpu && priority == policy::PriorityClass::kBackground) RF_TRY(placeBackground(hierarchy, branch));
  }
  if (const auto guards = guardsBranch(hierarchy)) {
    if (mkdirat(root_.get(), guards->c_str(), 0755) != 0 && errno != EEXIST)
      return posixError(errno, "making control group /" + *guards);
    RF_TRY(writeFileAt(root_.get(), *guards + "/cpu.shares", kGuardShares));
  }
  return {};
}

// Before Linux 5.15 nothing is idle: the least weight that there is, one to a hundred against anything else, one to 512
// on v1. Without even that the branch is like any other, and placement() says so.
Result<void> CgroupTree::placeBackground(const Hierarchy& hierarchy, const std::string& branch) const {
  if (features_.cpuIdle) return writeFileAt(root_.get(), branch + "/cpu.idle", "1");
  const bool first = hierarchy.version == 1;
  auto placed =
      writeFileAt(root_.get(), branch + (first ? "/cpu.shares" : "/cpu.weight"), first ? kLeastShares : kLeastWeight);
  return placed || placed.error().sysErrno == ENOENT ? Result<void>{} : placed;
}

CgroupTree::Placement CgroupTree::placement() const {
  const Hierarchy* cpu = hierarchyOf("cpu");
  if (cpu == nullptr) return Placement::kIdleThreads;
  const std::string branch = branchPath(cpu->mountPoint, policy::PriorityClass::kBackground);
  if (readNumber(root_.get(), branch + "/cpu.idle") == 1) return Placement::kIdle;
  const bool first = cpu->version == 1;
  const auto weight = readNumber(root_.get(), branch + (first ? "/cpu.shares" : "/cpu.weight"));
  return weight && *weight == parseNumber(first ? kLeastShares : kLeastWeight) ? Placement::kLeastWeight
                                                                               : Placement::kUnprotected;
}

std::optional<std::string> CgroupTree::guardsBranch(const Hierarchy& hierarchy) const {
  if (hierarchy.version != 1 || !features_.cpuIdle || &hierarchy != hierarchyOf("cpu")) return std::nullopt;
  // Other controllers in it have their limits by run.
  if (hierarchy.controllers.size() != 1) return std::nullopt;
  return joinPath(hierarchy.mountPoint, name_ + kGuardsBranch);
}

std::vector<std::string> CgroupTree::branchesOf(const Hierarchy& hierarchy) const {
  std::vector<std::string> branches;
  for (const policy::PriorityClass priority : kBranches) branches.push_back(branchPath(hierarchy.mountPoint, priority));
  if (auto guards = guardsBranch(hierarchy)) branches.push_back(*std::move(guards));
  return branches;
}

std::string CgroupTree::leafPath(const Hierarchy& hierarchy, const RunId& run, policy::PriorityClass priority,
                                 Leaf leaf) const {
  if (leaf != Leaf::kAgent && priority != policy::PriorityClass::kInteractive) {
    if (const auto guards = guardsBranch(hierarchy)) return *guards + "/" + run.text() + nameOf(leaf);
  }
  return runPath(hierarchy, run, priority) + nameOf(leaf);
}

std::string CgroupTree::runPath(const Hierarchy& hierarchy, const RunId& run, policy::PriorityClass priority) const {
  return branchPath(hierarchy.mountPoint, priority) + "/" + run.text();
}

std::string CgroupTree::branchPath(const std::string& mountPoint, policy::PriorityClass priority) const {
  return joinPath(mountPoint, branchName(name_, priority));
}

std::string CgroupTree::countedPath(const Hierarchy& hierarchy, const RunId& run, policy::PriorityClass priority,
                                    std::string_view controller) const {
  const std::string leaf = leafPath(hierarchy, run, priority, Leaf::kAgent);
  if (hierarchy.version == 1) return leaf;
  const auto there = readFileAt(root_.get(), leaf + "/cgroup.controllers", kibibytes(4));
  const std::vector<std::string> own = there ? splitWords(*there) : std::vector<std::string>{};
  return std::find(own.begin(), own.end(), controller) != own.end() ? leaf : runPath(hierarchy, run, priority);
}

std::string CgroupTree::agentPath(const RunId& run, policy::PriorityClass priority) const {
  return "/" + branchName(name_, priority) + "/" + run.text() + "/agent";
}

const CgroupTree::Hierarchy* CgroupTree::hierarchyOf(std::string_view controller) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    for (const std::string& bound : hierarchy.controllers) {
      if (bound == controller) return &hierarchy;
    }
  }
  return nullptr;
}

Result<void> CgroupTree::createRun(const RunId& run, policy::PriorityClass priority) {
  for (const Hierarchy& hierarchy : hierarchies_) {
    const std::string path = runPath(hierarchy, run, priority);
    auto made = makeDirectory(root_.get(), path);
    const bool ours = made.has_value();
    if (made) made = makeDirectory(root_.get(), path + "/agent");
    if (made) continue;
    if (ours) (void)removeTree(root_.get(), path);  // The first error is the one to tell.
    for (const Hierarchy& earlier : hierarchies_) {
      if (&earlier == &hierarchy) break;
      (void)removeTree(root_.get(), runPath(earlier, run, priority));
    }
    return made.error();
  }
  return {};
}

Result<void> CgroupTree::setOwner(const RunId& run, policy::PriorityClass priority, std::uint32_t uid) {
  const std::string path = runPath(hierarchies_.front(), run, priority);
  const UniqueFd group = RF_TRY(openAt(root_.get(), path, O_RDONLY | O_DIRECTORY));
  return writeRunOwner(group.get(), uid);
}

Result<void> CgroupTree::setKnob(const std::string& branchAndGroup, const Knob& knob) const {
  const Hierarchy* hierarchy = hierarchyOf(knob.controller);
  if (hierarchy == nullptr) {
    return Error{ErrorCode::kUnsupported,
                 "limits: the kernel gives no `" + std::string(knob.controller) + "` controller"};
  }
  const std::string& file = hierarchy->version == 1 ? knob.version1 : knob.version2;
  return writeFileAt(root_.get(), joinPath(hierarchy->mountPoint, branchAndGroup) + "/" + file, knob.value);
}

Result<void> CgroupTree::limitMemory(const std::string& branchAndGroup, Bytes limit) const {
  const std::string bytes = std::to_string(limit.count);
  RF_TRY(setKnob(branchAndGroup, {"memory", "memory.limit_in_bytes", "memory.max", bytes}));
  const bool first = hierarchyOf("memory")->version == 1;
  // Swap accounting may be off: then there is no such file, and the limit above holds for memory alone.
  const auto swap =
      setKnob(branchAndGroup, {"memory", "memory.memsw.limit_in_bytes", "memory.swap.max", first ? bytes : "0"});
  if (!swap && swap.error().sysErrno != ENOENT) return swap.error();
  return first ? Result<void>{} : setKnob(branchAndGroup, {"memory", "", "memory.oom.group", "1"});
}

Result<void> CgroupTree::setLimits(const RunId& run, policy::PriorityClass priority, const ResourceLimits& limits,
                                   Guarded guarded) {
  const std::string group = branchName(name_, priority) + "/" + run.text();
  const std::string counted = group + (guarded == Guarded::kYes ? "/agent" : "");
  if (limits.memory) RF_TRY(limitMemory(counted, *limits.memory));
  if (limits.pids) RF_TRY(setKnob(counted, {"pids", "pids.max", "pids.max", std::to_string(*limits.pids)}));
  if (limits.ioWrite) RF_TRY(limitWritesOf(run, priority, *limits.ioWrite));
  if (!limits.cpu) return {};
  const Hierarchy* cpu = hierarchyOf("cpu");
  const std::uint64_t quota = kCpuPeriodUsec * limits.cpu->percent / 100;
  const bool first = cpu != nullptr && cpu->version == 1;
  RF_TRY(setKnob(group, {"cpu", "cpu.cfs_quota_us", "cpu.max",
                         std::to_string(quota) + (first ? "" : " " + std::to_string(kCpuPeriodUsec))}));
  const auto guards = cpu != nullptr ? guardsBranch(*cpu) : std::nullopt;
  if (!guards || guarded == Guarded::kNo || priority == policy::PriorityClass::kInteractive) return {};
  return writeFileAt(root_.get(), *guards + "/" + run.text() + "/cpu.cfs_quota_us",
                     std::to_string(std::max(quota / kGuardsPart, kLeastQuotaUsec)));
}

Result<void> CgroupTree::createGuard(const RunId& run, policy::PriorityClass priority, Leaf leaf,
                                     const ResourceLimits& limits) {
  for (const Hierarchy& hierarchy : hierarchies_) {
    const std::string path = runPath(hierarchy, run, priority);
    if (hierarchy.version == 2) {
      for (const char* controller : {"memory", "pids"}) {
        if (hierarchyOf(controller) == &hierarchy)
          RF_TRY(writeFileAt(root_.get(), path + "/cgroup.subtree_control", std::string("+") + controller));
      }
    }
    const std::string own = leafPath(hierarchy, run, priority, leaf);
    const std::string above = own.substr(0, own.rfind('/'));
    for (const std::string& directory : {above, own}) {
      auto made = makeDirectory(root_.get(), directory);
      if (!made && made.error().sysErrno != EEXIST) return made;
    }
  }
  const std::string group = branchName(name_, priority) + "/" + run.text() + nameOf(leaf);
  if (limits.memory && hierarchyOf("memory") != nullptr) RF_TRY(limitMemory(group, *limits.memory));
  if (limits.pids && hierarchyOf("pids") != nullptr)
    RF_TRY(setKnob(group, {"pids", "pids.max", "pids.max", std::to_string(*limits.pids)}));
  return {};
}

Result<void> CgroupTree::join(const RunId& run, policy::PriorityClass priority, int pid, Leaf leaf) {
  // v2 last: from then on the group can be frozen and killed as a whole.
  for (auto hierarchy = hierarchies_.rbegin(); hierarchy != hierarchies_.rend(); ++hierarchy) {
    const std::string file = leafPath(*hierarchy, run, priority, leaf) + "/cgroup.procs";
    RF_TRY(writeFileAt(root_.get(), file, std::to_string(pid)));
  }
  const std::string processors = processorsToJoin(priority, leaf);
  return processors.empty() ? Result<void>() : writeFileAt(root_.get(), processors, std::to_string(pid));
}

std::vector<std::string> CgroupTree::joinFiles(const RunId& run, policy::PriorityClass priority, Leaf leaf) const {
  std::vector<std::string> files;
  for (const Hierarchy& hierarchy : hierarchies_) {
    if (hierarchy.version == 2 || &hierarchy == hierarchyOf("cpu")) continue;
    files.push_back(leafPath(hierarchy, run, priority, leaf) + "/cgroup.procs");
  }
  if (std::string processors = processorsToJoin(priority, leaf); !processors.empty())
    files.push_back(std::move(processors));
  return files;
}

Result<void> CgroupTree::joinProcessor(const RunId& run, policy::PriorityClass priority, int pid, Leaf leaf) {
  const Hierarchy* cpu = hierarchyOf("cpu");
  if (cpu == nullptr || cpu->version == 2) return {};
  return writeFileAt(root_.get(), leafPath(*cpu, run, priority, leaf) + "/cgroup.procs", std::to_string(pid));
}

Result<void> CgroupTree::lift(const RunId& run, int pid, const ResourceLimits& limits, std::uint32_t owner) {
  constexpr auto kUp = policy::PriorityClass::kInteractive;
  const Hierarchy* cpu = hierarchyOf("cpu");
  if (cpu == nullptr) return {};
  std::string path = joinPath(cpu->mountPoint, branchName(name_, kUp));
  if (cpu->version == 2) {  // Processes are in leaves only, and all controllers are here.
    path = runPath(*cpu, run, kUp);
    RF_TRY(makeDirectory(root_.get(), path));
    (void)setOwner(run, kUp, owner);  // Where that cannot be, the run itself has none either, and says so.
    RF_TRY(setLimits(run, kUp, limits));
  }
  return writeFileAt(root_.get(), path + "/cgroup.procs", std::to_string(pid));
}

Result<void> CgroupTree::lower(const RunId& run, int pid) {
  const Hierarchy* cpu = hierarchyOf("cpu");
  if (cpu == nullptr) return {};
  if (pid > 0) {
    const std::string path = runPath(*cpu, run, policy::PriorityClass::kBackground);
    RF_TRY(writeFileAt(root_.get(), path + "/agent/cgroup.procs", std::to_string(pid)));
  }
  if (cpu->version == 1) return {};
  return removeTree(root_.get(), runPath(*cpu, run, policy::PriorityClass::kInteractive));
}

Result<UniqueFd> CgroupTree::unifiedDirectory(const RunId& run, policy::PriorityClass priority, Leaf leaf) {
  return openAt(root_.get(), runPath(hierarchies_.front(), run, priority) + nameOf(leaf), O_RDONLY | O_DIRECTORY);
}

Result<void> CgroupTree::kill(const RunId& run, policy::PriorityClass priority) {
  return writeFileAt(root_.get(), runPath(hierarchies_.front(), run, priority) + "/cgroup.kill", "1");
}

Result<void> CgroupTree::removeRun(const RunId& run, policy::PriorityClass priority) {
  for (const Hierarchy& hierarchy : hierarchies_) {
    const std::string path = runPath(hierarchy, run, priority);
    // First: as long as they are there, list() names the run.
    if (const auto guards = guardsBranch(hierarchy)) RF_TRY(removeTree(root_.get(), *guards + "/" + run.text()));
    // Without guards there is this one only, and nothing needs to be listed.
    (void)unlinkat(root_.get(), (path + "/agent").c_str(), AT_REMOVEDIR);
    RF_TRY(removeTree(root_.get(), path));
  }
  return {};
}

GroupUsage CgroupTree::usage(const RunId& run, policy::PriorityClass priority, Reading reading) const {
  const int root = root_.get();
  GroupUsage usage;
  usage.cpuUsec = readKey(root, runPath(hierarchies_.front(), run, priority) + "/cpu.stat", "usage_usec");
  if (const Hierarchy* memory = hierarchyOf("memory")) {
    const std::string path = runPath(*memory, run, priority) + "/";
    const bool first = memory->version == 1;
    if (reading == Reading::kAll)
      usage.memoryBytes = readNumber(root, path + (first ? "memory.usage_in_bytes" : "memory.current"));
    usage.memoryPeakBytes = readNumber(root, path + (first ? "memory.max_usage_in_bytes" : "memory.peak"));
    // v1 counts a kill only in the group of its victim, v2 in all above it; that of a guard is none of the agent's.
    const char* const own = first ? "agent/memory.oom_control" : "agent/memory.events";
    usage.outOfMemoryKills = readKey(root, path + own, "oom_kill");
    if (!first && !usage.outOfMemoryKills) usage.outOfMemoryKills = readKey(root, path + "memory.events", "oom_kill");
  }
  if (const Hierarchy* pids = hierarchyOf("pids"); pids != nullptr && reading == Reading::kAll)
    usage.pids = readNumber(root, runPath(*pids, run, priority) + "/pids.current");
  if (const Hierarchy* io = hierarchyOf("io")) {
    const bool first = io->version == 1;
    const std::string path =
        runPath(*io, run, priority) + (first ? "/blkio.throttle.io_service_bytes_recursive" : "/io.stat");
    if (const auto text = readFileAt(root, path, kibibytes(64))) {
      usage.ioReadBytes = sumAfter(*text, first ? "Read " : "rbytes=");
      usage.ioWriteBytes = sumAfter(*text, first ? "Write " : "wbytes=");
      // v1 counts only disks that some group has a limit for, and says zero of all others.
      if (first && *usage.ioReadBytes == 0 && *usage.ioWriteBytes == 0) usage.ioReadBytes = usage.ioWriteBytes = {};
    }
  }
  return usage;
}

CgroupTree::LimitEvents CgroupTree::limitEvents(const RunId& run, policy::PriorityClass priority) const {
  const int root = root_.get();
  LimitEvents events;
  // v1 counts where the process is that was refused, v2 where the limit is.
  const auto higher = [&](const std::string& path, const char* file, std::string_view key) {
    return std::max(readKey(root, path + "/agent/" + file, key), readKey(root, path + "/" + file, key));
  };
  if (const Hierarchy* pids = hierarchyOf("pids"))
    events.pidsRefused = higher(runPath(*pids, run, priority), "pids.events", "max");
  if (const Hierarchy* cpu = hierarchyOf("cpu")) {
    const std::string path = runPath(*cpu, run, priority) + "/cpu.stat";
    events.cpuPeriods = readKey(root, path, "nr_periods");
    events.cpuPeriodsHeld = readKey(root, path, "nr_throttled");
  }
  if (const Hierarchy* memory = hierarchyOf("memory")) {
    const char* const file = memory->version == 1 ? "/memory.oom_control" : "/memory.events";
    events.outOfMemoryKills = readKey(root, countedPath(*memory, run, priority, "memory") + file, "oom_kill");
  }
  return events;
}

Result<std::vector<int>> CgroupTree::processes(const RunId& run, policy::PriorityClass priority, Leaf leaf) const {
  const std::string path = runPath(hierarchies_.front(), run, priority) + nameOf(leaf) + "/cgroup.procs";
  const std::string text = RF_TRY(readFileAt(root_.get(), path, mebibytes(4)));
  std::vector<int> pids;
  for (const std::string& word : splitWords(text)) {
    if (const auto pid = parseNumber(word)) pids.push_back(static_cast<int>(*pid));
  }
  return pids;
}

Result<std::vector<CgroupTree::Found>> CgroupTree::list() const {
  std::vector<Found> found;
  std::set<RunId> seen;
  for (const Hierarchy& hierarchy : hierarchies_) {
    for (const policy::PriorityClass priority : kBranches) {
      const std::vector<std::string> names =
          RF_TRY(subdirectories(root_.get(), branchPath(hierarchy.mountPoint, priority)));
      for (const std::string& name : names) {
        const auto run = RunId::parse(name);
        if (run && seen.insert(*run).second) found.push_back({*run, priority});
      }
    }
  }
  return found;
}

Result<void> CgroupTree::removeBranches() {
  for (const Hierarchy& hierarchy : hierarchies_) {
    for (const std::string& path : branchesOf(hierarchy)) {
      if (unlinkat(root_.get(), path.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
        return posixError(errno, "removing control group /" + path);
      }
    }
  }
  const auto processors = processorGroup();
  if (processors && processors->isFirst) (void)unlinkat(root_.get(), processors->path.c_str(), AT_REMOVEDIR);
  return {};
}

}  // namespace ringfence::sandbox
