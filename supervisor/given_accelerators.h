// NPUs or GPUs of the machine that a policy gives to a run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/plan/accelerators.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/units.h"
#include "supervisor/core/accelerator_kinds.h"
#include "supervisor/meter/accel/sysfs_devices.h"

namespace ringfence::supervisor {

using NodesOf = std::function<std::vector<AccelNode>(AccelKind)>;  // of this machine

class GivenAccelerators {
 public:
  // `share`: what the policy gives of that kind; without one the machine is not asked.
  GivenAccelerators(AcceleratorKind kind, std::optional<CpuPercent> share, const NodesOf& nodesOf);

  // Each node, and a description where a driver's library looks for it by the number of the node. `root`: where the
  // machine's /dev is.
  sandbox::Accelerators inside(const std::string& root) const;
  // What the run takes leases of. Absent: nothing.
  std::optional<AcceleratorShare> share() const;
  // Adds what people should know of them: that there are none, or that who the run is may not open one.
  void note(const sandbox::Identity& identity, std::vector<std::string>& notes) const;

 private:
  AcceleratorKind kind_;
  std::optional<CpuPercent> share_;
  std::vector<AccelNode> nodes_;
};

}  // namespace ringfence::supervisor
