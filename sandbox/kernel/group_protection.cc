#include "sandbox/kernel/group_protection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "sandbox/kernel/procfs.h"
#include "sdk/base/group_names.h"
#include "sdk/base/io.h"
#include "sdk/base/run_id.h"
#include "sdk/base/text.h"
#include "sdk/base/whole_number.h"

namespace ringfence::sandbox {
namespace {

// Against the 100 of anything else. Weights only count where BFQ or the cost model of a disk decides.
constexpr std::uint64_t kDiskWeight = 500;
constexpr std::uint64_t kMemoryStep = 2U << 20;  // the kernel rounds to pages of some size; so nothing is left to round
constexpr std::size_t kMaxGroupsAbove = 16;
constexpr std::size_t kMaxProcessesOfGroup = 4096;

std::vector<std::string> wordsIn(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n";
  std::vector<std::string> words;
  for (std::size_t at = text.find_first_not_of(kSpaces); at != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(kSpaces, at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSpaces, end);
  }
  return words;
}

std::string relative(const std::string& path) { return path.starts_with('/') ? path.substr(1) : path; }

std::optional<std::uint64_t> numberIn(std::string_view text) {
  if (text == "max") return UINT64_MAX;
  return wholeNumber<std::uint64_t>(text);
}

// The number in the file, or that of its line `key`.
std::optional<std::string> readValue(int root, const std::string& path, const std::string& key) {
  const auto text = readFileAt(root, path, kibibytes(64));
  if (!text) return std::nullopt;
  const std::vector<std::string> words = wordsIn(*text);
  if (key.empty()) return words.size() == 1 ? std::optional(words[0]) : std::nullopt;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2)
    if (words[i] == key) return words[i + 1];
  return std::nullopt;
}

// The group's path in the hierarchy of a controller ("": the unified one); nothing: none that can be reached.
std::optional<std::string> pathIn(std::string_view cgroupText, std::string_view controller) {
  const auto entries = parseCgroups(cgroupText);
  if (!entries) return std::nullopt;
  for (const CgroupEntry& entry : *entries) {
    const bool isIt = controller.empty() ? entry.controllers.empty()
                                         : std::ranges::find(entry.controllers, controller) != entry.controllers.end();
    if (!isIt) continue;
    // Of a group above the daemon's own namespace, or one that was removed.
    if (!entry.path.starts_with('/') || entry.path.find("/..") != entry.path.npos) return std::nullopt;
    return entry.path;
  }
  return std::nullopt;
}

struct Place {
  std::string mount, path;  // "/sys/fs/cgroup", "/user.slice/x"
  int version = 0;
};

std::optional<Place> placeOf(const KernelFeatures& features, std::string_view cgroupText, const char* controller) {
  const auto found = features.controllers.find(controller);
  if (found == features.controllers.end() || found->second.version == 0) return std::nullopt;
  const bool first = found->second.version == 1;
  const std::string_view name = !first ? "" : std::string_view(controller) == "io" ? "blkio" : controller;
  auto path = pathIn(cgroupText, name);
  if (!path) return std::nullopt;
  return Place{found->second.mountPoint, *std::move(path), found->second.version};
}

// The directories from the top of the branch down to the group itself; empty: the root, or too deep.
std::vector<std::string> wayDown(const Place& place) {
  std::vector<std::string> way;
  if (place.path == "/") return way;
  for (std::size_t at = place.path.find('/', 1);; at = place.path.find('/', at + 1)) {
    way.push_back(relative(place.mount + place.path.substr(0, at)));
    if (at == std::string::npos) break;
  }
  return way.size() <= kMaxGroupsAbove ? way : std::vector<std::string>{};
}

// Where less is there, on the way. False: a group of it has no such number, so nothing is written anywhere.
bool raise(int root, const Place& place, const std::string& file, const std::string& key, std::uint64_t to,
           std::vector<ProtectionWrite>& writes) {
  std::vector<ProtectionWrite> found;
  const std::vector<std::string> way = wayDown(place);
  if (way.empty()) return false;
  for (const std::string& group : way) {
    const std::string path = group + "/" + file;
    const auto before = readValue(root, path, key);
    const auto number = before ? numberIn(*before) : std::nullopt;
    if (!number) return false;
    if (*number < to) found.push_back({path, key, *before, std::to_string(to)});
  }
  writes.insert(writes.end(), found.begin(), found.end());
  return true;
}

ProtectionPlan::Part planMemory(int root, const std::optional<Place>& place, Bytes most, ProtectionPlan& plan) {
  const auto no = [](std::string why) { return ProtectionPlan::Part{"memory", "", std::move(why)}; };
  if (!place) return no("the kernel gives no memory controller");
  if (place->version == 1) return no("control groups of version 1 keep no memory for anybody");
  const std::uint64_t bytes = most.count / kMemoryStep * kMemoryStep;
  if (bytes == 0) return no("how much memory the machine has is not known");
  if (!raise(root, *place, "memory.low", "", bytes, plan.writes))
    return no("the group, or one above it, has no memory.low: its memory is not counted");
  return {"memory", formatBytes({bytes}), ""};
}

ProtectionPlan::Part planDisk(int root, const std::optional<Place>& place, ProtectionPlan& plan) {
  const auto yes = [] { return ProtectionPlan::Part{"disk", "weight " + std::to_string(kDiskWeight), ""}; };
  if (!place) return {"disk", "", "the kernel gives no io controller"};
  if (place->version == 1) {
    if (raise(root, *place, "blkio.bfq.weight", "", kDiskWeight, plan.writes)) return yes();
    return {"disk", "", "its blkio group has no weight: no disk is scheduled by BFQ"};
  }
  bool any = false;
  for (const char* file : {"io.weight", "io.bfq.weight"})
    any = raise(root, *place, file, "default", kDiskWeight, plan.writes) || any;
  if (any) return yes();
  return {"disk", "", "the group, or one above it, has no io.weight"};
}

ProtectionPlan::Part planVideoMemory(int root, const KernelFeatures& features, std::string_view cgroupText,
                                     ProtectionPlan& plan) {
  const auto path = pathIn(cgroupText, "");
  const auto capacity = readFileAt(root, relative(features.unifiedMount) + "/dmem.capacity", kibibytes(64));
  if (!capacity || !path) return {"video memory", "", "the kernel counts none for groups"};
  const std::vector<std::string> words = wordsIn(*capacity);
  bool any = false;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const auto bytes = numberIn(words[i + 1]);
    if (bytes && *bytes > 0)
      any = raise(root, {features.unifiedMount, *path, 2}, "dmem.low", words[i], *bytes, plan.writes) || any;
  }
  if (any) return {"video memory", "all that it uses", ""};
  return {"video memory", "", "the group, or one above it, has no dmem.low for a device"};
}

// All of its processes, of those that can be listed.
Result<void> checkProcesses(int root, const std::string& group, std::uint32_t uid) {
  const std::string listed = RF_TRY(readFileAt(root, group + "/cgroup.procs", kibibytes(64)));
  const std::vector<std::string> pids = wordsIn(listed);
  if (pids.empty() || pids.size() > kMaxProcessesOfGroup)
    return Error{ErrorCode::kDenied, "whose control group /" + group + " is cannot be told"};
  for (const std::string& pid : pids) {
    const auto text = readFileAt(root, "proc/" + pid + "/status", kibibytes(64));
    if (!text) continue;  // it has ended
    const auto status = parseStatus(*text);
    if (!status || status->uid[0] != uid)
      return Error{ErrorCode::kDenied, "its control group /" + group + " holds processes of other users too"};
  }
  return {};
}

Result<void> checkOne(int root, const std::string& mount, const std::string& path, std::uint32_t uid) {
  if (path == "/") return {};  // nothing is written there
  if ((path + "/").starts_with("/user.slice/user-" + std::to_string(uid) + ".slice/")) return {};
  const std::string group = relative(mount) + path;
  struct stat about {};
  if (fstatat(root, group.c_str(), &about, 0) != 0) return posixError(errno, "looking at control group /" + group);
  return uid != 0 && about.st_uid == uid ? Result<void>{} : checkProcesses(root, group, uid);
}

}  // namespace

ProtectionPlan planProtection(int root, const KernelFeatures& features, std::string_view cgroupText, Bytes memory) {
  ProtectionPlan plan;
  plan.group = pathIn(cgroupText, "").value_or("");
  const auto withoutRoot = [&](const char* controller) {
    auto place = placeOf(features, cgroupText, controller);
    return place && wayDown(*place).empty() ? std::nullopt : place;
  };
  const auto isInRoot = [&](const char* controller) {
    const auto place = placeOf(features, cgroupText, controller);
    return place && wayDown(*place).empty();
  };
  const std::string nowhere = "it is in the root of the control groups, beside everybody";
  if (isInRoot("memory") && placeOf(features, cgroupText, "memory")->version == 2)
    plan.parts.push_back({"memory", "", nowhere});
  else
    plan.parts.push_back(planMemory(root, withoutRoot("memory"), memory, plan));
  if (isInRoot("io"))
    plan.parts.push_back({"disk", "", nowhere});
  else
    plan.parts.push_back(planDisk(root, withoutRoot("io"), plan));
  plan.parts.push_back(plan.group == "/" || plan.group.empty() ? ProtectionPlan::Part{"video memory", "", nowhere}
                                                               : planVideoMemory(root, features, cgroupText, plan));
  return plan;
}

Result<void> writeProtection(int root, const ProtectionWrite& write) {
  return writeFileAt(root, write.path, write.key.empty() ? write.after : write.key + " " + write.after);
}

Result<void> undoProtection(int root, const ProtectionWrite& write) {
  const auto now = readValue(root, write.path, write.key);
  if (!now || *now != write.after) return {};
  auto undone = writeFileAt(root, write.path, write.key.empty() ? write.before : write.key + " " + write.before);
  const bool gone = !undone && (undone.error().sysErrno == ENOENT || undone.error().sysErrno == ENODEV);
  return gone ? Result<void>{} : undone;
}

bool isGroupOfRun(std::string_view cgroupText) {
  const auto entries = parseCgroups(cgroupText);
  if (!entries) return true;  // what cannot be read is not shown to be anything else
  for (const CgroupEntry& entry : *entries) {
    const std::size_t second = entry.path.find('/', 1);
    const std::string top = entry.path.substr(0, second);
    const bool isBranch =
        top.ends_with(kBackgroundBranch) || top.ends_with(kInteractiveBranch) || top.ends_with(kGuardsBranch);
    if (!isBranch || second == std::string::npos) continue;
    if (RunId::parse(entry.path.substr(second + 1, entry.path.find('/', second + 1) - second - 1))) return true;
  }
  return false;
}

Result<void> checkGroupOwner(int root, const KernelFeatures& features, std::string_view cgroupText, std::uint32_t uid) {
  const auto unified = pathIn(cgroupText, "");
  if (!unified) return Error{ErrorCode::kNotFound, "its control group cannot be reached from here"};
  RF_TRY(checkOne(root, features.unifiedMount, *unified, uid));
  const auto disk = placeOf(features, cgroupText, "io");
  return disk && disk->version == 1 ? checkOne(root, disk->mount, disk->path, uid) : Result<void>{};
}

}  // namespace ringfence::sandbox
