// Processors that background runs leave to the person's programs: the cpuset controller, on their branch as a whole.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/processor_set.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr Bytes kLongestList = kibibytes(64);

Result<std::string> readLine(int root, const std::string& path) {
  std::string text = RF_TRY(readFileAt(root, path, kLongestList));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// By the lowest thread of each core. What cannot be read is left out.
std::map<unsigned, unsigned> coresOf(int root, const std::vector<unsigned>& processors) {
  std::map<unsigned, unsigned> cores;
  for (const unsigned one : processors) {
    const auto text =
        readLine(root, "sys/devices/system/cpu/cpu" + std::to_string(one) + "/topology/thread_siblings_list");
    const auto siblings = text ? parseProcessors(*text) : std::nullopt;
    if (siblings && !siblings->empty()) cores[one] = siblings->front();
  }
  return cores;
}

}  // namespace

std::optional<CgroupTree::ProcessorGroup> CgroupTree::processorGroup() const {
  const auto place = features_.controllers.find("cpuset");
  if (place == features_.controllers.end() || place->second.version == 0) return std::nullopt;
  const std::string& mount = place->second.mountPoint;
  const bool first = place->second.version == 1;
  std::string branch = branchPath(mount, policy::PriorityClass::kBackground);
  std::string all = branch.substr(0, branch.rfind('/')) + (first ? "/cpuset.cpus" : "/cpuset.cpus.effective");
  return ProcessorGroup{std::move(branch), std::move(all), first};
}

std::string CgroupTree::processorsToJoin(policy::PriorityClass priority, Leaf leaf) const {
  if (!isReservable_ || priority == policy::PriorityClass::kInteractive || leaf != Leaf::kAgent) return {};
  const auto group = processorGroup();
  return group ? group->path + "/cgroup.procs" : "";
}

// On v1 nobody is in a group that has neither processors nor memory, and a new one has none; one that is there stays as
// it is, for the runs in it.
Result<void> CgroupTree::makeReservable() {
  const auto group = processorGroup();
  if (!group) return {};  // reserveProcessors says so to whoever wants it.
  const int root = root_.get();
  const std::string top = group->all.substr(0, group->all.rfind('/'));
  if (!group->isFirst) return writeFileAt(root, top + "/cgroup.subtree_control", "+cpuset");
  if (::mkdirat(root, group->path.c_str(), 0755) != 0 && errno != EEXIST)
    return posixError(errno, "making control group /" + group->path);
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    if (!RF_TRY(readLine(root, group->path + file)).empty()) continue;
    const std::string above = RF_TRY(readLine(root, top + file));
    RF_TRY(writeFileAt(root, group->path + file, above));
  }
  isReservable_ = true;
  return {};
}

Result<void> CgroupTree::reserveProcessors(std::size_t count) {
  const auto group = processorGroup();
  const std::string file = group ? group->path + "/cpuset.cpus" : "";
  const bool isThere = group && ::faccessat(root_.get(), file.c_str(), F_OK, 0) == 0;
  if (!isThere && count == 0) return {};
  if (!isThere)
    return Error{ErrorCode::kUnsupported, "the kernel gives no `cpuset` controller: no processor is kept free"};
  // None at all, which would mean the same on v2, is refused while somebody is in the group (Linux 6.1). There a list
  // may name processors that are not online yet, so that they are the agents' too when they come.
  if (count == 0 && !group->isFirst) {
    const auto possible = readLine(root_.get(), "sys/devices/system/cpu/possible");
    if (possible && writeFileAt(root_.get(), file, *possible)) return {};
  }
  const std::string text = RF_TRY(readLine(root_.get(), group->all));
  if (count == 0) return writeFileAt(root_.get(), file, text);
  const auto all = parseProcessors(text);
  if (!all || all->empty()) return Error{ErrorCode::kUnsupported, "/" + group->all + ": no list of processors"};
  return writeFileAt(root_.get(), file, formatProcessors(processorsLeft(*all, count, coresOf(root_.get(), *all))));
}

}  // namespace ringfence::sandbox
