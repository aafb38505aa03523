// Reads GPUs and NPUs beside the loop: the kernel asks the driver for every text, and a driver that hangs with its
// locks held holds up who reads. On a thread of its own, which the destructor does not wait for when it does not come
// back; it begins with the first reading, so there is none where there is no accelerator.
//
//   watch->ask(groups);      // when isBusy() is false
//   … eventFd() is readable: if (auto pass = watch->take()) accounts.add(*pass, …);
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "sdk/base/run_id.h"
#include "supervisor/meter/accel/backends.h"
#include "supervisor/meter/accel/dmem.h"
#include "supervisor/meter/group_meter.h"
#include "supervisor/meter/roots.h"

namespace ringfence::supervisor {

// One reading, and whose the processes were.
struct AccelPass {
  AccelSample sample;
  std::map<int, RunId> runOfPid;
  std::uint32_t unlistedRuns = 0;          // whose processes could not be listed: what they use is not seen
  Microseconds at{};                       // monotonic
  std::map<RunId, DmemBytes> memoryOfRun;  // without those of which the kernel does not count it
  // What programs outside of all runs have; absent: nobody looked.
  std::optional<ClientReadings> others;
};

class AccelWatch {
 public:
  // Agents' groups by run; the thread lists their processes.
  using Groups = std::map<RunId, std::shared_ptr<const GroupMeter>>;

  static Result<std::unique_ptr<AccelWatch>> create(MeterRoots roots, DeviceOf deviceOf = deviceOfDescriptor);
  ~AccelWatch();

  // Whether the machine has a GPU or NPU, by its /dev/dri and /dev/accel. Looks at these two names alone.
  bool hasDevices() const;
  // Looks at the names below /dev and their links in sysfs; asks no driver.
  std::vector<AccelNode> nodes(AccelKind kind) const;
  // Whose accelerators are read besides those of runs: looking for everybody's walks all of /proc, in parts.
  enum class Others { kLeftOut, kOfNpus, kOfAll };
  // Begins a reading; nothing when one is under way.
  void ask(Groups groups, Others others = Others::kLeftOut);
  bool isBusy() const;

  // Readable when take() has something to give.
  int eventFd() const;
  std::optional<AccelPass> take();

 private:
  struct Shared;
  explicit AccelWatch(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  static void work(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;  // the thread's too, which may outlive this
  bool hasThread_ = false;
};

}  // namespace ringfence::supervisor
