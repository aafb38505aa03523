// Where the stems of runs come from: a process that the launcher forked when it kept nothing yet, and that does nothing
// but fork them, as children of its own parent. Whoever is forked from a process keeps a copy of each page that the
// process writes to later. The launcher writes to its memory with every launch; this one next to never, so stems and
// the first processes of runs share what they began with for as long as they live, and there is little to copy at
// birth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/launcher/child.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

struct NurseryOptions {
  std::string runDirectory;
  std::uint32_t landlockAbi = 0;
  std::string canary;
};

// What the stem of one run is made with.
struct StemOrder {
  int orders = -1;                     // its end of the pair
  int control = -1;                    // of the pair with the run's first process
  int cgroup = -1;                     // that this process is born in; -1: where the launcher is
  std::uint64_t leftOut = 0;           // namespaces that it is not born in
  std::vector<std::string> joinFiles;  // groups that it joins then
};

class Nursery {
 public:
  // `inherited`: what those who are born there know at first. Of tables they learn no more: one would be another page
  // for each stem with every policy, for a time in which a child waits anyway.
  static Result<Nursery> start(const NurseryOptions& options, Inherited inherited);
  Nursery(Nursery&&) noexcept = default;
  Nursery& operator=(Nursery&&) = delete;
  ~Nursery();

  // The pid of a stem, which is a child of ours. Fails with kUnavailable where the nursery is gone: start another.
  Result<int> bear(const StemOrder& order);
  // What those remember of workspaces who are born from now on, as FolderMemory tells it. Where it is not taken,
  // because too much comes at once, they read again what was in it.
  void teach(std::string_view news) const;

 private:
  explicit Nursery(UniqueFd pair, int pid) : pair_(std::move(pair)), pid_(pid) {}

  UniqueFd pair_;
  int pid_;
};

}  // namespace ringfence::sandbox
