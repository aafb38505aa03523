// GPUs and NPUs in the loop: asks the watch beside it once a second while runs are live and there is a device, and
// keeps the accounts of what it tells. What a device alone tells is of those who hold its lease and run.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "sandbox/kernel/cgroup.h"
#include "supervisor/accel_accounts.h"
#include "supervisor/accel_watch.h"
#include "supervisor/live_runs.h"
#include "supervisor/meter/accel/leases.h"

namespace ringfence::supervisor {

class Accelerators {
 public:
  struct World {
    const Clock& clock;
    const Turns& turns;
    const sandbox::CgroupTree* cgroups = nullptr;  // absent: no run has processes that could be found
    AccelWatch* watch = nullptr;                   // absent: nothing is read
  };
  explicit Accelerators(World world) : world_(world), live_(world_.turns) {}

  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime
  // The watch has something.
  void ready();
  // A fact is durable.
  void published(const Fact& fact);

  const AccelAccounts& accounts() const { return accounts_; }
  // What a run may lease; none: there is nothing of that kind.
  std::vector<AccelNode> nodes(AccelKind kind) const {
    return world_.watch == nullptr ? std::vector<AccelNode>() : world_.watch->nodes(kind);
  }
  bool hasDevices() const { return world_.watch != nullptr && world_.watch->hasDevices(); }
  // A reading that does not come back: a driver hangs. Absent while all is well.
  std::optional<Microseconds> stuckFor() const;

 private:
  bool anyRuns() const;
  void ask(const Now& now);
  AccelWatch::Others othersToRead() const;
  void follow(const Run& run, Microseconds at);

  World world_;
  LiveRuns live_;
  AccelAccounts accounts_;
  LeaseTimes leases_;
  AccelWatch::Groups groups_;
  std::optional<Microseconds> next_;   // absent: at once
  std::optional<Microseconds> asked_;  // a reading is under way
};

}  // namespace ringfence::supervisor
