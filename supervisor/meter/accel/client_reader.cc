#include "supervisor/meter/accel/client_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <utility>

#include "sdk/base/io.h"
#include "supervisor/meter/accel/fdinfo.h"
#include "supervisor/meter/accel/text.h"

namespace ringfence::supervisor {
namespace {

constexpr unsigned kDrmMajor = 226;
constexpr unsigned kAccelMajor = 261;
constexpr unsigned kFirstRenderMinor = 128;
constexpr std::size_t kBeginCost = 8;  // to find a process and open its directory, in descriptors looked at

bool isGone(int error) { return error == ENOENT || error == ESRCH; }
bool isRefused(int error) { return error == EACCES || error == EPERM; }

// Field 22, counted from behind the name, which may hold anything.
std::optional<std::uint64_t> startTime(int process) {
  const auto stat = readFileAt(process, "stat", kibibytes(4));
  if (!stat) return std::nullopt;
  const std::size_t name = stat->rfind(')');
  if (name == std::string::npos) return std::nullopt;
  std::string_view rest = text::trimmed(std::string_view(*stat).substr(name + 1));
  for (int field = 3; field < 22; ++field) (void)text::takeUntil(rest, ' ');
  return text::number<std::uint64_t>(text::trimmed(text::takeUntil(rest, ' ')));
}

std::string nodeName(const DeviceNode& node) {
  if (node.majorNumber == kAccelMajor) return "accel" + std::to_string(node.minorNumber);
  return (node.minorNumber < kFirstRenderMinor ? "card" : "renderD") + std::to_string(node.minorNumber);
}

// A device without a PCI address: the name of what its nodes belong to, so that card0 and renderD128 are one.
AccelDeviceId platformName(const MeterRoots& roots, const DeviceNode& node) {
  const std::string link =
      "dev/char/" + std::to_string(node.majorNumber) + ":" + std::to_string(node.minorNumber) + "/device";
  char target[512];
  const ssize_t length = ::readlinkat(roots.sys.get(), link.c_str(), target, sizeof target);
  if (length <= 0 || static_cast<std::size_t>(length) >= sizeof target) return nodeName(node);
  const std::string_view path(target, static_cast<std::size_t>(length));
  return std::string(path.substr(path.rfind('/') + 1));
}

AccelClientReading describe(Fdinfo info, const DeviceNode& node, AccelDeviceId device) {
  AccelClientReading reading;
  reading.key = {std::move(device), *info.client};
  reading.kind = node.majorNumber == kAccelMajor ? AccelKind::kNpu : AccelKind::kGpu;
  reading.memoryBytes = memoryInUse(info);
  reading.sharedBytes = memoryShared(info, reading.memoryBytes);
  reading.driver = std::move(info.driver);
  reading.engines = std::move(info.engines);
  reading.unknown = std::move(info.unknown);
  return reading;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { (void)::closedir(directory); }  // nothing was written
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

}  // namespace

std::optional<DeviceNode> deviceOfDescriptor(int process, const std::string& descriptor) {
  struct statx status {};
  // Without DONT_SYNC a file on a dead server, or on a file system of the agent's own, would hold us up.
  const std::string path = "fd/" + descriptor;
  if (::statx(process, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0) {
    return std::nullopt;
  }
  if (!S_ISCHR(status.stx_mode) || (status.stx_rdev_major != kDrmMajor && status.stx_rdev_major != kAccelMajor)) {
    return std::nullopt;
  }
  return DeviceNode{status.stx_rdev_major, status.stx_rdev_minor};
}

DeviceOf onlyNpus(DeviceOf deviceOf) {
  return [deviceOf = std::move(deviceOf)](int process, const std::string& descriptor) -> std::optional<DeviceNode> {
    const auto node = deviceOf(process, descriptor);
    return node && node->majorNumber == kAccelMajor ? node : std::nullopt;
  };
}

struct ClientReader::Walk {
  Directory directory;  // kept open from one reading to the next: it goes on where it stopped
  std::map<std::string, DeviceNode> seen;
  std::uint32_t uncounted = 0;
};

struct ClientReader::Process {
  UniqueFd directory;  // of this very process: another one with its number is never reached through it
  std::uint64_t start = 0;
  std::optional<Microseconds> walked;  // when the last walk ended
  std::map<std::string, DeviceNode> devices;
  std::uint32_t uncounted = 0;  // devices beyond kMaxClientsOfProcess
  std::optional<Walk> walk;
  bool refused = false;
};

ClientReader::ClientReader(DeviceOf deviceOf) : deviceOf_(std::move(deviceOf)) {}
ClientReader::~ClientReader() = default;
ClientReader::ClientReader(ClientReader&&) noexcept = default;
ClientReader& ClientReader::operator=(ClientReader&&) noexcept = default;

ClientReadings ClientReader::read(const MeterRoots& roots, std::span<const int> pids, Microseconds now) {
  ClientReadings readings;
  forgetOthers(pids);
  walkDue(roots, now, readings);
  Found found;
  readKnown(roots, found, readings);
  readings.clients.reserve(found.size());
  for (auto& [key, reading] : found) readings.clients.push_back(std::move(reading));
  return readings;
}

void ClientReader::forgetOthers(std::span<const int> pids) {
  std::map<int, Process> kept;
  for (const int pid : pids) {
    const auto known = processes_.find(pid);
    if (known == processes_.end()) {
      kept.try_emplace(pid);
    } else {
      kept.insert(processes_.extract(known));
    }
  }
  processes_ = std::move(kept);
}

// Each process whose walk is due, in turn, until the budget is spent.
void ClientReader::walkDue(const MeterRoots& roots, Microseconds now, ClientReadings& readings) {
  std::size_t budget = kMaxDescriptorsPerReading;
  auto next = processes_.lower_bound(walkNext_);
  for (std::size_t i = 0; i < processes_.size(); ++i, ++next) {
    if (next == processes_.end()) next = processes_.begin();
    auto& [pid, process] = *next;
    const bool due = process.walk || !process.walked || now - *process.walked >= kWalkPeriod;
    if (!due) continue;
    if (budget > kBeginCost && !process.walk) {
      budget -= kBeginCost;
      if (!beginWalk(roots, pid, process)) {
        if (process.refused) process.walked = now;
        continue;
      }
    }
    if (process.walk && budget > 0 && goOn(process, budget)) {
      process.walked = now;
    } else if (readings.waitingProcesses++ == 0) {
      walkNext_ = pid;
    }
  }
}

// False: there is nothing to walk.
bool ClientReader::beginWalk(const MeterRoots& roots, int pid, Process& process) {
  auto directory = openAt(roots.proc.get(), std::to_string(pid), O_PATH | O_DIRECTORY);
  const auto start = directory ? startTime(directory->get()) : std::nullopt;
  if (!start || !process.directory || process.start != *start) process = Process{};
  if (!start) return false;
  process.directory = std::move(*directory);
  process.start = *start;
  auto descriptors = openAt(process.directory.get(), "fd", O_RDONLY | O_DIRECTORY);
  process.refused = !descriptors && isRefused(descriptors.error().sysErrno);
  DIR* stream = descriptors ? ::fdopendir(descriptors->get()) : nullptr;
  if (stream == nullptr) {
    if (process.devices.empty()) process.directory.reset();
    return false;
  }
  (void)descriptors->release();  // the stream closes it
  process.walk.emplace().directory.reset(stream);
  return true;
}

// True: all of its descriptors were looked at.
bool ClientReader::goOn(Process& process, std::size_t& budget) {
  Walk& walk = *process.walk;
  for (; budget > 0; --budget) {
    errno = 0;
    const dirent* entry = ::readdir(walk.directory.get());
    if (entry == nullptr) {
      // Its first thread has ended and others go on: the descriptors are theirs, and not shown here.
      process.refused = errno != 0;
      process.devices = std::move(walk.seen);
      process.uncounted = walk.uncounted;
      process.walk.reset();
      if (process.devices.empty()) process.directory.reset();
      return true;
    }
    const std::string name = entry->d_name;
    if (!text::number<std::uint32_t>(name)) continue;
    const auto node = deviceOf_(process.directory.get(), name);
    if (!node) continue;
    if (walk.seen.size() >= kMaxClientsOfProcess) {
      ++walk.uncounted;
      continue;
    }
    walk.seen.emplace(name, *node);
    if (process.devices.size() < 2 * kMaxClientsOfProcess) process.devices.insert_or_assign(name, *node);
  }
  return false;
}

// Of each process in turn, until as many clients are read as may be.
void ClientReader::readKnown(const MeterRoots& roots, Found& found, ClientReadings& readings) {
  std::size_t budget = kMaxClientsPerReading;
  bool waits = false;
  auto next = processes_.lower_bound(readNext_);
  for (std::size_t i = 0; i < processes_.size(); ++i, ++next) {
    if (next == processes_.end()) next = processes_.begin();
    auto& [pid, process] = *next;
    if (process.refused) ++readings.refusedProcesses;
    readings.unreadDescriptors += process.uncounted;
    if (waits || process.devices.size() > budget) {
      if (!std::exchange(waits, true)) readNext_ = pid;
      if (!process.devices.empty()) ++readings.waitingProcesses;
      continue;
    }
    budget -= process.devices.size();
    if (!process.devices.empty()) readProcess(roots, pid, process, found, readings);
  }
}

void ClientReader::readProcess(const MeterRoots& roots, int pid, Process& process, Found& found,
                               ClientReadings& readings) {
  std::size_t gone = 0;
  const std::size_t known = process.devices.size();
  std::set<AccelClientKey> own;
  for (auto device = process.devices.begin(); device != process.devices.end();) {
    auto reading = readDescriptor(roots, process, device->first, device->second, readings, gone);
    // Another descriptor of the same client tells the same: it is read again after the next walk.
    const bool isAgain = reading && !own.insert(reading->key).second;
    device = isAgain ? process.devices.erase(device) : std::next(device);
    if (!reading || isAgain) continue;
    reading->pid = pid;
    reading->pidStart = process.start;
    const auto other = found.find(reading->key);
    if (other == found.end()) {
      AccelClientKey key = reading->key;
      found.emplace(std::move(key), *std::move(reading));
    } else if (reading->pidStart < other->second.pidStart) {
      other->second = *std::move(reading);
    }
  }
  // It is gone, or another has its number: the next reading begins with it anew.
  if (gone == known) process = Process{};
}

std::optional<AccelClientReading> ClientReader::readDescriptor(const MeterRoots& roots, const Process& process,
                                                               const std::string& descriptor, const DeviceNode& node,
                                                               ClientReadings& readings, std::size_t& gone) const {
  const auto content = readFileAt(process.directory.get(), "fdinfo/" + descriptor, Bytes{kMaxFdinfoBytes});
  if (!content && isGone(content.error().sysErrno)) {
    ++gone;
    return std::nullopt;
  }
  auto info = content ? parseFdinfo(*content) : std::nullopt;
  // Without the text of a device the number may be another file by now. The text names its device only where that is
  // on PCI; else it must be the node that was looked at.
  if (!info || !info->client || !info->pdev) {
    const auto nodeNow = deviceOf_(process.directory.get(), descriptor);
    const bool isAnotherFile = !info && content && !nodeNow;
    if (!isAnotherFile && (!info || !info->client || nodeNow != node)) ++readings.unreadDescriptors;
    if (nodeNow == node) readings.open.insert(info && info->pdev ? *info->pdev : platformName(roots, node));
    if (!info || !info->client || nodeNow != node) return std::nullopt;
  }
  AccelDeviceId device = info->pdev ? *info->pdev : platformName(roots, node);
  readings.open.insert(device);
  return describe(*std::move(info), node, std::move(device));
}

}  // namespace ringfence::supervisor
