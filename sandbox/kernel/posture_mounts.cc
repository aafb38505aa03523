#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "sandbox/kernel/posture.h"
#include "sandbox/kernel/procfs.h"
#include "sandbox/kernel/root.h"

namespace ringfence::sandbox {
namespace {

struct Wanted {
  bool readOnly = false;
  bool noExec = false;
  bool device = false;  // may not be nodev
  bool required = true;
  bool tree = false;  // what was mounted below it on the host came along
  std::string type;   // of the file system, where the Plan decides it
};

struct Expectation {
  std::map<std::string, Wanted> mounts;
  std::vector<std::string> maskedBelow;  // globs were expanded under these
};

std::string below(const std::string& directory, const std::string& name) { return directory + "/" + name; }

bool isBelow(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.size() > directory.size() && path.substr(0, directory.size()) == directory &&
         path[directory.size()] == '/';
}

class Collector {
 public:
  explicit Collector(Expectation& expectation) : expectation_(expectation) {}
  void operator()(const MakeDirectory&) {}
  void operator()(const MakeFile&) {}
  void operator()(const MakeSymlink&) {}
  void operator()(const MountTmpfs& step) { put(step.target, {.noExec = step.noExec, .type = "tmpfs"}); }
  void operator()(const MountProc& step) {
    put(step.target, {.noExec = true, .type = "proc"});
    for (const auto& name : readOnlyProcEntries()) put(below(step.target, name), {.readOnly = true, .required = false});
    for (const auto& name : hiddenProcEntries())
      put(below(step.target, name), {.readOnly = true, .required = false, .type = "tmpfs"});
  }
  void operator()(const MountDevpts& step) { put(step.target, {.noExec = true, .device = true, .type = "devpts"}); }
  void operator()(const BindDevice& step) { put(step.target, {.noExec = true, .device = true}); }
  void operator()(const BindPath& step) {
    put(step.target, {.readOnly = step.access == Access::kReadOnly,
                      .noExec = step.noExec,
                      .required = !step.optional,
                      .tree = true});
  }
  void operator()(const BindDescriptor& step) {
    put(step.target, {.readOnly = step.access == Access::kReadOnly, .tree = true});
  }
  void operator()(const MaskPath& step) {
    if (!step.glob.empty()) {
      expectation_.maskedBelow.push_back(step.target);
      return;
    }
    put(step.target, {.readOnly = true, .required = false, .tree = step.kind == MaskKind::kReadOnly});
  }

 private:
  void put(const std::string& target, Wanted wanted) { expectation_.mounts[target] = std::move(wanted); }
  Expectation& expectation_;
};

// What is wanted of a mount at `path`: by its own name, as the result of a glob, or as part of a granted tree.
const Wanted* findWanted(const Expectation& expectation, const MountEntry& entry) {
  static const Wanted kMask{.readOnly = true, .required = false};
  if (const auto exact = expectation.mounts.find(entry.mountPoint); exact != expectation.mounts.end())
    return &exact->second;
  if (entry.has("ro")) {
    for (const auto& directory : expectation.maskedBelow) {
      if (isBelow(entry.mountPoint, directory)) return &kMask;
    }
  }
  const Wanted* nearest = nullptr;
  std::size_t length = 0;
  for (const auto& [target, wanted] : expectation.mounts) {
    if (wanted.tree && target.size() >= length && isBelow(entry.mountPoint, target)) {
      nearest = &wanted;
      length = target.size();
    }
  }
  return nearest;
}

// Would show or steer the host: its processes, devices, groups, namespaces. None comes along below what was granted.
bool isHostInsides(const std::string& type) {
  constexpr std::array<std::string_view, 17> kTypes = {
      "proc", "sysfs", "cgroup",   "cgroup2",  "devtmpfs", "devpts",    "securityfs",  "debugfs", "tracefs",
      "bpf",  "nsfs",  "configfs", "efivarfs", "pstore",   "selinuxfs", "binfmt_misc", "mqueue"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

std::string compareMount(const Expectation& expectation, const MountEntry& entry) {
  const std::string& at = entry.mountPoint;
  if (!entry.tags.empty()) return at + " propagates (" + entry.tags.front() + ")";
  if (!entry.has("nosuid")) return at + " is not nosuid";
  const Wanted* wanted = findWanted(expectation, entry);
  if (wanted == nullptr) return "a mount on " + at + " that the plan does not have";
  if (wanted->readOnly && !entry.has("ro")) return at + " is writable";
  if (!wanted->device && !entry.has("nodev")) return at + " is not nodev";
  if (wanted->noExec && !entry.has("noexec")) return at + " is not noexec";
  if (wanted->tree && isHostInsides(entry.type))
    return at + " is a " + entry.type + " of the host, which no policy can grant; grant less";
  if (!wanted->type.empty() && wanted->type != entry.type)
    return at + " is a " + entry.type + ", not a " + wanted->type;
  return {};
}

}  // namespace

std::string compareMounts(const Plan& plan, std::string_view mountInfo) {
  Expectation expectation;
  expectation.mounts["/"] = {.readOnly = true, .type = "tmpfs"};
  for (const auto& step : plan.mounts) std::visit(Collector(expectation), step);
  const auto entries = parseMountInfo(mountInfo);
  if (!entries) return entries.error().message;
  std::map<std::string, const MountEntry*> top;  // of several mounts on one place the last is the one in sight
  for (const auto& entry : *entries) {
    if (!entry.tags.empty()) return entry.mountPoint + " propagates (" + entry.tags.front() + ")";
    top[entry.mountPoint] = &entry;
  }
  for (const auto& [path, entry] : top) {
    if (std::string difference = compareMount(expectation, *entry); !difference.empty()) return difference;
  }
  for (const auto& [path, wanted] : expectation.mounts) {
    if (wanted.required && !top.contains(path)) return "nothing is mounted on " + path;
  }
  return {};
}

}  // namespace ringfence::sandbox
