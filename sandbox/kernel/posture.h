// Reads back from the kernel what walls stand around a process that waits as its only thread, and compares them with
// the Plan. Says what it saw, for each wall; decides nothing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
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

// What the process that reads has itself, to tell a run's apart from; it does not change while it reads.
struct OwnView {
  std::map<std::string, std::uint64_t> namespaces;  // inodes, by name
  int filters = 0;                                  // that every child has from it
  static Result<OwnView> read();
};

struct PostureQuestion {
  int pid = 0;
  const Plan& plan;
  const KernelFeatures& features;
  const OwnView& own;
  std::string agentPath;      // of its control groups, as /proc shows it
  CanaryErrnos canaryBefore;  // the child opened the canaries before it entered its Landlock domains: 0
  CanaryErrnos canaryAfter;   // and after: EACCES
  bool hasStem = false;       // it was born in the domain that its warden is in
  int openDescriptors = 4;    // 0, 1, 2 and the report socket
  int otherFilters = 0;       // below the run's own, beside those that this process has itself
};

// What cannot change any more once a process is in a user namespace of its own: it has no right over the namespaces
// that it was in before. Read while it goes on with what it may still do.
struct SettledWalls {
  std::vector<WallState> walls;  // mount, net, ipc, uts, limits; none: it was in the host's user namespace
  std::vector<std::uint64_t> namespaces;
  std::string ofMaps;  // the difference of that user namespace's maps, which are written once; empty: none
};
SettledWalls readSettled(const PostureQuestion& question);

// Every wall; of seccomp only that one filter of its own is on, which addFilter completes. What `settled` has is not
// read again where the process is still in those namespaces.
std::vector<WallState> readPosture(const PostureQuestion& question, SettledWalls settled = {});

// `filter`: as FilterReading gave it; not looked at on a kernel that cannot read filters back.
void addFilter(WallState& seccomp, const KernelFeatures& features, const Result<BpfProgram>& filter,
               const BpfProgram& program);

// The difference between the mounts that the Plan wants and those that are, in words; empty: none. Pure.
std::string compareMounts(const Plan& plan, std::string_view mountInfo);

// Stops a process for a moment and reads the filter that it installed itself. Nothing here waits: a process that
// gets no processor stops late, one that sleeps in the kernel maybe never.
class FilterReading {
 public:
  static Result<FilterReading> begin(int pid);
  FilterReading(FilterReading&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  FilterReading& operator=(FilterReading&& other) noexcept;
  // A process that does not stop cannot be let go and stays traced: whoever gives up ends it.
  ~FilterReading();

  // nullopt: it has not stopped yet. `otherFilters`: as in PostureQuestion.
  std::optional<Result<BpfProgram>> tryRead(const OwnView& own, int otherFilters = 0);

 private:
  explicit FilterReading(int pid) : pid_(pid) {}
  int pid_;
};

policy::WallStrength wantedStrength(const Plan& plan, Wall wall);

}  // namespace ringfence::sandbox
