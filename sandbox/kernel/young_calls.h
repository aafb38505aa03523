// Numbers of system calls that libseccomp of the build machine may be too old to know. Calls from 424 on have one
// number on every architecture that Ringfence runs on.
#pragma once

#include <string_view>

namespace ringfence::sandbox {

struct CallNumber {
  std::string_view name;
  int number;
};

inline constexpr CallNumber kYoungCalls[] = {
    {"process_mrelease", 448},
    {"futex_waitv", 449},
    {"set_mempolicy_home_node", 450},
    {"cachestat", 451},
    {"fchmodat2", 452},
    {"map_shadow_stack", 453},
    {"futex_wake", 454},
    {"futex_wait", 455},
    {"futex_requeue", 456},
    {"mseal", 462},
    {"memfd_secret", 447},
    {"quotactl_fd", 443},
    {"landlock_create_ruleset", 444},
    {"landlock_add_rule", 445},
    {"landlock_restrict_self", 446},
    {"mount_setattr", 442},
    {"epoll_pwait2", 441},
};

// RISC-V only.
inline constexpr CallNumber kYoungRiscvCalls[] = {{"riscv_hwprobe", 258}, {"riscv_flush_icache", 259}};

}  // namespace ringfence::sandbox
