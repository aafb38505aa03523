// Finds the clients of GPUs and NPUs among the descriptors of given processes and reads what the kernel tells of each.
// A client that is held by several descriptors or processes is read once, for the process that is the oldest of them:
// who opened it. Reads /proc alone and opens no device.
//
//   ClientReader reader;
//   ClientReadings now = reader.read(roots, pids, clock.now().monotonic);
//
// Looking for devices among descriptors is what costs: it is done when a process is first seen and then each
// kWalkPeriod; clients that are known are read each time, by one descriptor of each process. So a client is not seen
// that was opened and closed between two walks, nor one that only a thread with descriptors of its own holds. The
// kernel shows another user's descriptors only to who may trace it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/meter/accel/reading.h"
#include "supervisor/meter/roots.h"

namespace ringfence::supervisor {

// What an agent can make a reading cost, whatever it opens: entries of descriptor directories that are looked at, and
// known clients that are read. The next reading goes on where it stopped.
inline constexpr std::size_t kMaxDescriptorsPerReading = 1024;
inline constexpr std::size_t kMaxClientsPerReading = 512;
inline constexpr std::size_t kMaxClientsOfProcess = 256;
inline constexpr Microseconds kWalkPeriod{1'000'000};

struct DeviceNode {
  unsigned majorNumber = 0, minorNumber = 0;
  bool operator==(const DeviceNode&) const = default;
};
// Which GPU or NPU the descriptor "5" of a process is; `process` is its directory. Absent: another file, or gone.
using DeviceOf = std::function<std::optional<DeviceNode>(int process, const std::string& descriptor)>;
// `deviceOf`, of the nodes in /dev/accel alone.
DeviceOf onlyNpus(DeviceOf deviceOf);
// The kernel's answer: a character device of major 226 (DRM) or 261 (accel). Waits for no file system.
std::optional<DeviceNode> deviceOfDescriptor(int process, const std::string& descriptor);

struct ClientReadings {
  std::vector<AccelClientReading> clients;  // in the order of their keys
  // What could not be told. With any of them the sums of this reading may be too small.
  std::uint32_t refusedProcesses = 0;   // the kernel does not show us their descriptors
  std::uint32_t waitingProcesses = 0;   // not all of theirs was looked at or read this time
  std::uint32_t unreadDescriptors = 0;  // of a device, but without a client to name: its driver tells nothing
  std::set<AccelDeviceId> open;         // devices of all descriptors that were found, also of those that tell nothing
};

class ClientReader {
 public:
  explicit ClientReader(DeviceOf deviceOf = deviceOfDescriptor);
  ~ClientReader();
  ClientReader(ClientReader&&) noexcept;
  ClientReader& operator=(ClientReader&&) noexcept;

  // Processes that are gone are nothing special. What it remembers of others than `pids` is forgotten.
  ClientReadings read(const MeterRoots& roots, std::span<const int> pids, Microseconds now);

 private:
  struct Process;
  struct Walk;
  using Found = std::map<AccelClientKey, AccelClientReading>;
  void forgetOthers(std::span<const int> pids);
  void walkDue(const MeterRoots& roots, Microseconds now, ClientReadings& readings);
  bool beginWalk(const MeterRoots& roots, int pid, Process& process);
  bool goOn(Process& process, std::size_t& budget);
  void readKnown(const MeterRoots& roots, Found& found, ClientReadings& readings);
  void readProcess(const MeterRoots& roots, int pid, Process& process, Found& found, ClientReadings& readings);
  std::optional<AccelClientReading> readDescriptor(const MeterRoots& roots, const Process& process,
                                                   const std::string& descriptor, const DeviceNode& node,
                                                   ClientReadings& readings, std::size_t& gone) const;

  DeviceOf deviceOf_;
  std::map<int, Process> processes_;
  int walkNext_ = 0, readNext_ = 0;  // the pids that the next reading begins with
};

}  // namespace ringfence::supervisor
