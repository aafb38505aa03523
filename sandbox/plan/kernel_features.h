// What the running kernel can do, asked of the kernel and never of its version (sandbox/kernel/features.h fills it).
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace ringfence::sandbox {

enum class CgroupLayout { kUnified, kHybrid };

// Where one controller is bound. `version` 1 or 2; 0: nowhere.
struct ControllerPlace {
  int version = 0;
  std::string mountPoint;  // "/sys/fs/cgroup/memory" or the v2 mount
  bool operator==(const ControllerPlace&) const = default;
};

struct KernelFeatures {
  std::string release;            // uname -r; for display only
  std::string architecture;       // "x86_64", "aarch64", "riscv64"
  std::uint32_t landlockAbi = 0;  // 0: none
  bool seccompFilter = false;
  bool seccompNotify = false;
  bool seccompWaitKillable = false;  // a received call waits whatever signals come: tried, not only known
  bool listenerTaken = false;        // a program above us listens already, and there can be one only
  bool seccompGetFilter = false;     // PTRACE_SECCOMP_GET_FILTER gives programs back
  bool userNamespaces = false;
  bool idmappedMounts = false;  // mount_setattr with MOUNT_ATTR_IDMAP is known
  bool cloneIntoCgroup = false;
  bool memfdNoexec = false;  // vm.memfd_noexec exists
  bool pidfd = false;
  bool netRedirect = false;  // packet rules that lead every connection of a namespace to one socket
  CgroupLayout layout = CgroupLayout::kUnified;
  std::string unifiedMount;                            // the v2 mount: freeze, kill, events, pressure
  std::map<std::string, ControllerPlace> controllers;  // "memory", "cpu", "pids", "io", "cpuacct"
  bool cgroupFreeze = false;
  bool cgroupKill = false;
  bool cpuIdle = false;  // cpu.idle exists where the cpu controller is
  bool operator==(const KernelFeatures&) const = default;
};

}  // namespace ringfence::sandbox
