// NPUs or GPUs that a run is given.
#pragma once

#include <map>
#include <string>

namespace ringfence::sandbox {

struct Accelerators {
  // Nodes by their names inside ("/dev/accel/accel0", "/dev/dri/renderD128"): where they are on the host.
  std::map<std::string, std::string> nodes;
  // What a driver's library looks up about them in /sys, of which a run has no more than this: texts and symbolic links
  // by their names inside.
  std::map<std::string, std::string> texts, links;
  bool operator==(const Accelerators&) const = default;
};

}  // namespace ringfence::sandbox
