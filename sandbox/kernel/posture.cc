#include "sandbox/kernel/posture.h"

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "sandbox/kernel/abi.h"
#include "sandbox/kernel/procfs.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr Bytes kMaxProcFile = mebibytes(4);
constexpr const char* kOwn = "own namespace";

Result<std::string> readProc(int pid, const char* name) {
  return readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/" + name, kMaxProcFile);
}

// Empty: the process is in a namespace of its own.
std::string compareNamespace(const PostureQuestion& question, const char* name) {
  struct stat theirs {};
  const std::string path = "/proc/" + std::to_string(question.pid) + "/ns/" + name;
  const auto ours = question.own.namespaces.find(name);
  if (ours == question.own.namespaces.end() || ::stat(path.c_str(), &theirs) != 0) return "cannot be read";
  return theirs.st_ino == ours->second ? "the host's namespace" : "";
}

WallState state(Wall wall, std::string wanted, const std::string& difference) {
  WallState result{wall, wanted, difference, false, difference.empty()};
  if (result.up) result.got = std::move(wanted);
  return result;
}

WallState readMount(const PostureQuestion& question) {
  std::string difference = compareNamespace(question, "mnt");
  if (difference.empty()) {
    auto text = readProc(question.pid, "mountinfo");
    difference = text ? compareMounts(question.plan, *text) : text.error().message;
  }
  return state(Wall::kMount, "own namespace and root, the planned mounts", difference);
}

WallState readPid(const PostureQuestion& question, const ProcStatus& status) {
  std::string difference = compareNamespace(question, "pid");
  if (difference.empty() && (status.namespacePids.size() < 2 || status.namespacePids.back() != 1))
    difference = "not pid 1";
  if (difference.empty() && status.threads != 1) difference = std::to_string(status.threads) + " threads";
  return state(Wall::kPid, "own namespace, pid 1", difference);
}

WallState readNet(const PostureQuestion& question) {
  std::string difference = compareNamespace(question, "net");
  if (difference.empty()) {
    auto text = readProc(question.pid, "net/dev");
    if (!text)
      difference = text.error().message;
    else if (parseInterfaces(*text) != std::vector<std::string>{"lo"})
      difference = "interfaces other than lo";
  }
  return state(Wall::kNet, "own namespace, only lo", difference);
}

std::string compareGroups(const PostureQuestion& question) {
  auto text = readProc(question.pid, "cgroup");
  if (!text) return text.error().message;
  const auto entries = parseCgroups(*text);
  if (!entries) return entries.error().message;
  const auto inPlace = [&](auto&& isHierarchy) {
    return std::any_of(entries->begin(), entries->end(), [&](const CgroupEntry& entry) {
      return isHierarchy(entry) && entry.path == question.agentPath;
    });
  };
  if (!inPlace([](const CgroupEntry& entry) { return entry.controllers.empty(); })) return "not in its v2 group";
  for (const char* controller : {"memory", "cpu", "pids", "io"}) {
    const auto place = question.features.controllers.find(controller);
    if (place == question.features.controllers.end() || place->second.version != 1) continue;
    const std::string name = place->first == "io" ? "blkio" : place->first;
    if (!inPlace([&](const CgroupEntry& entry) {
          return std::find(entry.controllers.begin(), entry.controllers.end(), name) != entry.controllers.end();
        })) {
      return "not in its " + name + " group";
    }
  }
  return {};
}

WallState readCgroup(const PostureQuestion& question) {
  std::string difference = compareNamespace(question, "cgroup");
  if (difference.empty()) difference = compareGroups(question);
  return state(Wall::kCgroup, "own namespace, own groups in every hierarchy", difference);
}

std::string compareSeccomp(const PostureQuestion& question, const ProcStatus& status) {
  if (status.seccompMode != 2) return "no filter";
  // Those that the run had before its own.
  const int inherited = question.own.filters + question.otherFilters;
  if (status.seccompFilters >= 0 && status.seccompFilters != inherited + 1) {
    return std::to_string(status.seccompFilters - inherited) + " filters of its own";
  }
  return {};
}

WallState readLandlock(const PostureQuestion& question) {
  const bool mustBeBelow = question.plan.guards.warden && question.hasStem;
  std::string difference;
  if (!question.plan.landlock.enabled)
    difference = "not available";
  else if (question.canaryBefore.inner != 0 || question.canaryBefore.outer != 0)
    difference = "the probe could not be made";
  else if (question.canaryAfter.inner != EACCES)
    difference = "the inner layer is missing";
  else if (question.canaryAfter.outer != EACCES)
    difference = "the outer layer is missing";
  else if (mustBeBelow && question.canaryBefore.scope != EPERM)
    difference = "the domain of the warden above them is missing";
  std::string wanted = "two layers, ABI " + std::to_string(question.plan.landlock.abi);
  if (mustBeBelow) wanted += ", below the domain of the warden";
  WallState result = state(Wall::kLandlock, std::move(wanted), difference);
  result.probed = true;
  return result;
}

std::string compareDescriptors(const PostureQuestion& question) {
  std::error_code error;
  int count = 0, highest = -1;
  for (std::filesystem::directory_iterator entry("/proc/" + std::to_string(question.pid) + "/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
    highest = std::max(highest, std::atoi(entry->path().filename().c_str()));
  }
  if (error) return "its descriptors cannot be read";
  if (count != question.openDescriptors || highest != count - 1) return std::to_string(count) + " open descriptors";
  return {};
}

std::string compareMaps(const PostureQuestion& question) {
  for (const char* file : {"uid_map", "gid_map"}) {
    auto text = readProc(question.pid, file);
    if (!text) return text.error().message;
    std::string squeezed;
    for (const char c : *text) {
      if (c != ' ' || (!squeezed.empty() && squeezed.back() != ' ')) squeezed += c;
    }
    if (squeezed != "0 0 4294967295\n") return std::string(file) + " is not the identity";
  }
  return {};
}

std::string compareUserNamespace(const PostureQuestion& question) {
  if (std::string difference = compareNamespace(question, "user"); !difference.empty()) return difference + " of users";
  return compareMaps(question);
}

// `ofUsers`: what is different about its user namespace.
std::string comparePrivileges(const PostureQuestion& question, const ProcStatus& status, const std::string& ofUsers) {
  const Identity& identity = question.plan.identity;
  const auto all = [](const std::array<std::uint32_t, 4>& ids, std::uint32_t id) {
    return std::all_of(ids.begin(), ids.end(), [id](std::uint32_t each) { return each == id; });
  };
  if (!all(status.uid, identity.uid) || identity.uid == 0) return "uid " + std::to_string(status.uid[1]);
  if (!all(status.gid, identity.gid)) return "gid " + std::to_string(status.gid[1]);
  std::vector<std::uint32_t> wanted = identity.groups;
  std::sort(wanted.begin(), wanted.end());
  std::vector<std::uint32_t> got = status.groups;
  std::sort(got.begin(), got.end());
  if (wanted != got) return std::to_string(got.size()) + " supplementary groups";
  if ((status.inheritable | status.permitted | status.effective | status.bounding | status.ambient) != 0)
    return "capabilities";
  if (!status.noNewPrivs) return "new privileges are possible";
  // Files of an undumpable process belong to root.
  struct stat owner {};
  if (::stat(("/proc/" + std::to_string(question.pid) + "/status").c_str(), &owner) != 0 || owner.st_uid != 0)
    return "dumpable";
  if (!ofUsers.empty()) return ofUsers;
  return compareDescriptors(question);
}

WallState readPrivileges(const PostureQuestion& question, const ProcStatus& status, const std::string& ofUsers) {
  const Identity& identity = question.plan.identity;
  return state(Wall::kPrivileges,
               "uid " + std::to_string(identity.uid) + ", gid " + std::to_string(identity.gid) +
                   ", no capabilities, no new privileges, own user namespace",
               comparePrivileges(question, status, ofUsers));
}

// Read from /proc: prlimit(2) asks for a right over the run's user namespace that the launcher may lack.
std::string compareLimits(const PostureQuestion& question) {
  const auto text = readProc(question.pid, "limits");
  const auto limits = text ? parseLimits(*text) : Result<std::vector<LimitEntry>>(text.error());
  for (const auto& setting : question.plan.rlimits) {
    const auto resource = static_cast<std::size_t>(setting.resource);
    if (!limits || resource >= limits->size()) return "limit " + std::to_string(resource) + " cannot be read";
    // A lower one was inherited and could not be raised: no weaker than what is wanted.
    const LimitEntry& limit = (*limits)[resource];
    if (limit.soft > setting.soft || limit.hard > setting.hard)
      return "limit " + std::to_string(resource) + " is " + std::to_string(limit.soft);
  }
  return {};
}

// Zero for one that cannot be read; the walls of such a process are not up either.
std::vector<std::uint64_t> settledNamespaces(int pid) {
  std::vector<std::uint64_t> inodes;
  for (const char* name : {"mnt", "net", "ipc", "uts", "user"}) {
    struct stat status {};
    const std::string path = "/proc/" + std::to_string(pid) + "/ns/" + name;
    inodes.push_back(::stat(path.c_str(), &status) == 0 ? status.st_ino : 0);
  }
  return inodes;
}

std::vector<WallState> readSettledWalls(const PostureQuestion& question) {
  return {
      readMount(question),
      readNet(question),
      readCgroup(question),
      state(Wall::kIpc, kOwn, compareNamespace(question, "ipc")),
      state(Wall::kUts, kOwn, compareNamespace(question, "uts")),
      state(Wall::kLimits, std::to_string(question.plan.rlimits.size()) + " resource limits", compareLimits(question))};
}

}  // namespace

Result<FilterReading> FilterReading::begin(int pid) {
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return posixError(errno, "attaching to read the filter");
  FilterReading reading(pid);
  if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0) return posixError(errno, "stopping to read the filter");
  return reading;
}

FilterReading& FilterReading::operator=(FilterReading&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

FilterReading::~FilterReading() {
  if (pid_ > 0) (void)::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
}

std::optional<Result<BpfProgram>> FilterReading::tryRead(const OwnView& own, int otherFilters) {
  int status = 0;
  const pid_t got = ::waitpid(pid_, &status, __WALL | WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return std::nullopt;
  const int pid = std::exchange(pid_, 0);
  if (got < 0 || !WIFSTOPPED(status)) return Error{ErrorCode::kUnavailable, "the process ended"};
  const int index = own.filters + otherFilters;
  const auto request = static_cast<__ptrace_request>(abi::kPtraceSeccompGetFilter);
  const long count = ::ptrace(request, pid, index, nullptr);
  BpfProgram program(count > 0 ? static_cast<std::size_t>(count) : 0);
  Result<BpfProgram> result = BpfProgram{};
  if (count <= 0 || ::ptrace(request, pid, index, program.data()) != count)
    result = posixError(errno, "reading the filter");
  else
    result = std::move(program);
  // A tracee that cannot be let go would stay stopped: the caller ends a launch whose posture cannot be read.
  if (::ptrace(PTRACE_DETACH, pid, nullptr, nullptr) != 0 && result) result = posixError(errno, "detaching");
  return result;
}

void addFilter(WallState& seccomp, const KernelFeatures& features, const Result<BpfProgram>& filter,
               const BpfProgram& program) {
  std::string difference = seccomp.up ? "" : seccomp.got;
  if (difference.empty() && features.seccompGetFilter) {
    if (!filter)
      difference = filter.error().message;
    else if (filter->size() != program.size() ||
             std::memcmp(filter->data(), program.data(), program.size() * sizeof(sock_filter)) != 0)
      difference = "another program";
  }
  seccomp = state(Wall::kSeccomp,
                  "default deny, " + std::to_string(program.size()) + " instructions" +
                      (features.seccompGetFilter ? "" : ", not read back on this kernel"),
                  difference);
}

policy::WallStrength wantedStrength(const Plan& plan, Wall wall) {
  switch (wall) {
    case Wall::kMount: return plan.walls.mount;
    case Wall::kPid: return plan.walls.pid;
    case Wall::kNet: return plan.walls.net;
    case Wall::kIpc: return plan.walls.ipc;
    case Wall::kUts: return plan.walls.uts;
    case Wall::kCgroup: return plan.walls.cgroup;
    case Wall::kSeccomp: return plan.walls.seccomp;
    case Wall::kLandlock: return plan.walls.landlock;
    case Wall::kPrivileges: return plan.walls.privileges;
    case Wall::kLimits: return plan.walls.limits;
  }
  return policy::WallStrength::kRequired;
}

Result<OwnView> OwnView::read() {
  OwnView own;
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}) {
    struct stat status {};
    const std::string path = std::string("/proc/self/ns/") + name;
    if (::stat(path.c_str(), &status) != 0) return posixError(errno, "looking at " + path);
    own.namespaces[name] = status.st_ino;
  }
  const std::string text = RF_TRY(readFileAt(AT_FDCWD, "/proc/self/status", kMaxProcFile));
  const ProcStatus status = RF_TRY(parseStatus(text));
  own.filters = std::max(status.seccompFilters, 0);
  return own;
}

SettledWalls readSettled(const PostureQuestion& question) {
  if (!compareNamespace(question, "user").empty()) return {};
  std::vector<std::uint64_t> namespaces = settledNamespaces(question.pid);
  return {readSettledWalls(question), std::move(namespaces), compareMaps(question)};
}

std::vector<WallState> readPosture(const PostureQuestion& question, SettledWalls settled) {
  const bool isSettled = !settled.walls.empty() && settled.namespaces == settledNamespaces(question.pid);
  std::vector<WallState> walls = isSettled ? std::move(settled.walls) : readSettledWalls(question);
  const std::string ofUsers = isSettled ? settled.ofMaps : compareUserNamespace(question);
  ProcStatus status;
  auto text = readProc(question.pid, "status");
  if (text) {
    if (auto parsed = parseStatus(*text)) status = std::move(*parsed);
  }
  // A status that cannot be read leaves zeros, of which none is what a wall wants.
  walls.push_back(readPid(question, status));
  walls.push_back(state(Wall::kSeccomp, "one filter of its own", compareSeccomp(question, status)));
  walls.push_back(readLandlock(question));
  walls.push_back(readPrivileges(question, status, ofUsers));
  std::ranges::sort(walls, {}, &WallState::wall);
  return walls;
}

}  // namespace ringfence::sandbox
