// Reads back from the kernel what walls stand around a process that waits as its only thread, and compares them with
// the Plan. Says what it saw, for each wall; decides nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/kernel/landlock.h"
#include "sandbox/kernel/seccomp.h"
#include "sandbox/plan/kernel_features.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// One wall as read; sandbox/wire has the message that carries it.
struct WallState {
  Wall wall = Wall::kMount;
  std::string wanted;
  std::string got;
  bool probed = false;
  bool up = false;
};

struct PostureQuestion {
  int pid = 0;
  const Plan& plan;
  const BpfProgram& program;
  const KernelFeatures& features;
  std::string agentPath;      // of its control groups, as /proc shows it
  CanaryErrnos canaryBefore;  // the child opened the canaries before it entered its Landlock domains: 0
  CanaryErrnos canaryAfter;   // and after: EACCES
  int openDescriptors = 4;    // 0, 1, 2 and the report socket
  int otherFilters = 0;       // below the run's own, beside those that this process has itself
};

std::vector<WallState> readPosture(const PostureQuestion& question);

// The difference between the mounts that the Plan wants and those that are, in words; empty: none. Pure.
std::string compareMounts(const Plan& plan, std::string_view mountInfo);

// Fails when the process cannot be stopped and asked within ten seconds.
Result<BpfProgram> readSeccompProgram(int pid, int index);

policy::WallStrength wantedStrength(const Plan& plan, Wall wall);

}  // namespace ringfence::sandbox
