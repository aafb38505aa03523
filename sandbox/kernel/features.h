// Asks the running kernel what it can do, by trying. A few milliseconds: done once at start and passed down.
#pragma once

#include "sandbox/plan/kernel_features.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// `root` is the directory that /proc and /sys are looked up under (an O_PATH descriptor of "/", or a fixture).
KernelFeatures probeFeatures(int root);

}  // namespace ringfence::sandbox
