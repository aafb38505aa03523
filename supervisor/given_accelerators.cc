#include "supervisor/given_accelerators.h"

#include <algorithm>
#include <cstdint>
#include <set>

namespace ringfence::supervisor {
namespace {

struct Words {
  AccelKind metered;
  const char* subsystem;  // of the kernel
  const char* absent;
};
constexpr Words kNpuWords{AccelKind::kNpu, "accel", "this machine has no NPU (there is none in /dev/accel)"};
constexpr Words kGpuWords{AccelKind::kGpu, "drm", "this machine has no GPU (no render node in /dev/dri)"};

const Words& wordsOf(AcceleratorKind kind) { return kind == AcceleratorKind::kGpu ? kGpuWords : kNpuWords; }

// A run has the rights of its ids on the node, as its caller has outside.
bool mayOpen(const sandbox::Identity& identity, const AccelNode& node) {
  return !node.onlyGroup || identity.gid == *node.onlyGroup ||
         std::ranges::find(identity.groups, *node.onlyGroup) != identity.groups.end();
}

}  // namespace

GivenAccelerators::GivenAccelerators(AcceleratorKind kind, std::optional<CpuPercent> share, const NodesOf& nodesOf)
    : kind_(kind), share_(share) {
  if (share_) nodes_ = nodesOf(wordsOf(kind).metered);
}

sandbox::Accelerators GivenAccelerators::inside(const std::string& root) const {
  sandbox::Accelerators inside;
  for (const AccelNode& node : nodes_) {
    inside.nodes["/dev/" + node.path] = (root == "/" ? "" : root) + "/dev/" + node.path;
    if (node.attributes.empty()) continue;
    const std::string number = std::to_string(node.majorNumber) + ":" + std::to_string(node.minorNumber);
    const std::string device = "/sys/dev/char/" + number + "/device/";
    for (const auto& [name, content] : node.attributes) inside.texts[device + name] = content;
    const std::string name = node.path.substr(node.path.rfind('/') + 1);
    inside.texts[device + wordsOf(kind_).subsystem + "/" + name + "/dev"] = number + "\n";
    if (!node.bus.empty()) inside.links[device + "subsystem"] = "/sys/bus/" + node.bus;
  }
  return inside;
}

std::optional<AcceleratorShare> GivenAccelerators::share() const {
  if (nodes_.empty()) return std::nullopt;
  std::set<AccelDeviceId> devices;  // several nodes may be of one
  for (const AccelNode& node : nodes_) devices.insert(node.device);
  return AcceleratorShare{{devices.begin(), devices.end()}, share_->percent};
}

void GivenAccelerators::note(const sandbox::Identity& identity, std::vector<std::string>& notes) const {
  const std::string key = keyOf(kind_);
  if (share_ && nodes_.empty()) notes.push_back(key + " gives nothing: " + wordsOf(kind_).absent);
  for (const AccelNode& node : nodes_) {
    if (mayOpen(identity, node)) continue;
    notes.push_back(key + ": /dev/" + node.path + " can be opened by the group " + std::to_string(*node.onlyGroup) +
                    " alone, which this run is not in; a caller in it keeps it with identity.groups");
  }
}

}  // namespace ringfence::supervisor
