// What is done to a run that lives: holding, letting go, taking memory back, slowing down.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/mount_table.h"
#include "sdk/base/directory.h"
#include "sdk/base/group_names.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

// "8:16" at the start of each line of io.stat and of v1's counters.
std::vector<std::string> devicesIn(std::string_view text) {
  std::vector<std::string> devices;
  for (const std::string& word : splitWords(text)) {
    const bool isDevice = word.find_first_not_of("0123456789:") == word.npos && word.find(':') != word.npos;
    if (isDevice && (devices.empty() || devices.back() != word)) devices.push_back(word);
  }
  return devices;
}

// "8:0" of each whole disk, also of those that pass on to others what they are given.
Result<std::vector<std::string>> disks(int root) {
  Directory directory = RF_TRY(Directory::open(root, "sys/block"));
  std::vector<std::string> found;
  while (const dirent* entry = directory.next()) {
    const std::string path = std::string("sys/block/") + entry->d_name + "/";
    const auto number = readFileAt(root, path + "dev", kibibytes(1)),
               size = readFileAt(root, path + "size", kibibytes(1));
    if (!number || !size || size->starts_with("0\n")) continue;
    found.push_back(number->substr(0, number->find('\n')));
  }
  return found;
}

}  // namespace

Result<void> CgroupTree::freeze(const RunId& run, policy::PriorityClass priority, Held held) {
  const Hierarchy& unified = hierarchies_.front();
  const std::string group =
      held == Held::kAgent ? leafPath(unified, run, priority, Leaf::kAgent) : runPath(unified, run, priority);
  return writeFileAt(root_.get(), group + "/cgroup.freeze", "1");
}

Result<void> CgroupTree::thaw(const RunId& run, policy::PriorityClass priority) {
  const Hierarchy& unified = hierarchies_.front();
  RF_TRY(writeFileAt(root_.get(), leafPath(unified, run, priority, Leaf::kAgent) + "/cgroup.freeze", "0"));
  return writeFileAt(root_.get(), runPath(unified, run, priority) + "/cgroup.freeze", "0");
}

Result<bool> CgroupTree::readEvent(const std::string& group, std::string_view key) const {
  const std::string path = group + "/cgroup.events";
  const std::string text = RF_TRY(readFileAt(root_.get(), path, kibibytes(4)));
  const std::vector<std::string> words = splitWords(text);
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    if (words[i] == key) return words[i + 1] == "1";
  }
  return Error{ErrorCode::kInternal, "/" + path + " says nothing about `" + std::string(key) + "`"};
}

Result<bool> CgroupTree::isFrozen(const RunId& run, policy::PriorityClass priority) {
  const Hierarchy& unified = hierarchies_.front();
  const bool whole = RF_TRY(readEvent(runPath(unified, run, priority), "frozen"));
  return whole ? Result<bool>(true) : isFrozen(run, priority, Leaf::kAgent);
}

Result<bool> CgroupTree::isFrozen(const RunId& run, policy::PriorityClass priority, Leaf leaf) const {
  return readEvent(leafPath(hierarchies_.front(), run, priority, leaf), "frozen");
}

Result<CgroupTree::FreezeSetting> CgroupTree::freezeSetting(const RunId& run, policy::PriorityClass priority) const {
  const Hierarchy& unified = hierarchies_.front();
  const auto isSet = [&](const std::string& group) -> Result<bool> {
    const std::string text = RF_TRY(readFileAt(root_.get(), group + "/cgroup.freeze", kibibytes(1)));
    return text.starts_with("1");
  };
  FreezeSetting setting;
  setting.run = RF_TRY(isSet(runPath(unified, run, priority)));
  setting.agent = RF_TRY(isSet(leafPath(unified, run, priority, Leaf::kAgent)));
  return setting;
}

Result<bool> CgroupTree::isPopulated(const RunId& run, policy::PriorityClass priority) {
  return readEvent(runPath(hierarchies_.front(), run, priority), "populated");
}

Result<UniqueFd> CgroupTree::reclaimFile(const RunId& run, policy::PriorityClass priority) const {
  const Hierarchy* memory = hierarchyOf("memory");
  if (memory == nullptr || memory->version != 2) {
    return Error{ErrorCode::kUnsupported,
                 "memory is not taken back from runs: memory.reclaim needs the unified layout"};
  }
  return openAt(root_.get(), countedPath(*memory, run, priority, "memory") + "/memory.reclaim", O_WRONLY);
}

bool CgroupTree::canReclaim() const {
  const Hierarchy* memory = hierarchyOf("memory");
  if (memory == nullptr || memory->version != 2) return false;
  const std::string file = branchesOf(*memory).front() + "/memory.reclaim";
  return faccessat(root_.get(), file.c_str(), W_OK, 0) == 0;
}

Result<UniqueFd> CgroupTree::unifiedTop() const {
  const std::string& mount = hierarchies_.front().mountPoint;
  return openAt(root_.get(), mount.starts_with('/') ? mount.substr(1) : mount, O_RDONLY | O_DIRECTORY);
}

std::vector<std::string> CgroupTree::ownGroups() const {
  return {name_ + kBackgroundBranch, name_ + kInteractiveBranch, name_ + kLauncherGroup};
}

Result<void> CgroupTree::limitWrites(const RunId& run, policy::PriorityClass priority,
                                     std::optional<std::uint64_t> bytesPerSec) {
  const Hierarchy* io = hierarchyOf("io");
  if (io == nullptr)
    return Error{ErrorCode::kUnsupported, "the kernel gives no `io` controller: writing is not slowed"};
  const bool first = io->version == 1;
  const std::string group = countedPath(*io, run, priority, "io") + "/";
  const std::string used =
      RF_TRY(readFileAt(root_.get(), group + (first ? "blkio.throttle.io_service_bytes" : "io.stat"), kibibytes(64)));
  for (const std::string& device : devicesIn(used)) {
    const std::string number = bytesPerSec ? std::to_string(*bytesPerSec) : first ? "0" : "max";
    RF_TRY(writeFileAt(root_.get(), group + (first ? "blkio.throttle.write_bps_device" : "io.max"),
                       device + (first ? " " : " wbps=") + number));
  }
  return {};
}

// On each disk that is there now: which one a path leads to is not always said (btrfs, overlay), and a run writes to
// others than that of its workspace. A limit of v1 holds only who is in the very group.
Result<void> CgroupTree::limitWritesOf(const RunId& run, policy::PriorityClass priority, Bytes perSecond) const {
  const Hierarchy* io = hierarchyOf("io");
  if (io == nullptr) return Error{ErrorCode::kUnsupported, "limits: the kernel gives no `io` controller"};
  const bool first = io->version == 1;
  const std::string file = runPath(*io, run, priority) + (first ? "/agent/blkio.throttle.write_bps_device" : "/io.max");
  for (const std::string& device : RF_TRY(disks(root_.get()))) {
    auto set = writeFileAt(root_.get(), file, device + (first ? " " : " wbps=") + std::to_string(perSecond.count));
    // It went away, or is one that nothing can be set for.
    if (!set && set.error().sysErrno != ENODEV && set.error().sysErrno != EOPNOTSUPP) return set;
  }
  return {};
}

std::optional<CgroupTree::Place> CgroupTree::agentPlace(const RunId& run, policy::PriorityClass priority,
                                                        std::string_view controller) const {
  const Hierarchy* hierarchy = controller.empty() ? &hierarchies_.front() : hierarchyOf(controller);
  if (hierarchy == nullptr) return std::nullopt;
  const std::string path = controller.empty() ? leafPath(*hierarchy, run, priority, Leaf::kAgent)
                                              : countedPath(*hierarchy, run, priority, controller);
  auto directory = openAt(root_.get(), path, O_PATH | O_DIRECTORY);
  if (!directory) return std::nullopt;
  return Place{*std::move(directory), hierarchy->version};
}

}  // namespace ringfence::sandbox
