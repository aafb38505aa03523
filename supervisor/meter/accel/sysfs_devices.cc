#include "supervisor/meter/accel/sysfs_devices.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "sdk/base/io.h"
#include "supervisor/meter/accel/text.h"

namespace ringfence::supervisor {
namespace {

constexpr const char* kRockchipLoad = "kernel/debug/rknpu/load";

bool isRefused(int error) { return error == EACCES || error == EPERM; }

std::optional<std::uint64_t> readNumber(int directory, const std::string& path) {
  const auto content = readFileAt(directory, path, kibibytes(4));
  return content ? text::number<std::uint64_t>(text::trimmed(*content)) : std::nullopt;
}

// Names in a directory, sorted; none when it is not there.
std::vector<std::string> namesIn(int directory, const std::string& path) {
  std::vector<std::string> names;
  auto fd = openAt(directory, path, O_RDONLY | O_DIRECTORY);
  if (!fd) return names;
  DIR* stream = ::fdopendir(fd->get());
  if (stream == nullptr) return names;
  (void)fd->release();  // the stream closes it
  while (const dirent* entry = ::readdir(stream)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  (void)::closedir(stream);  // nothing was written
  std::sort(names.begin(), names.end());
  return names;
}

// The last name of what a link points to; empty when it is none.
std::string linkName(int directory, const std::string& path) {
  char target[512];
  const ssize_t length = ::readlinkat(directory, path.c_str(), target, sizeof target);
  if (length <= 0 || static_cast<std::size_t>(length) >= sizeof target) return {};
  const std::string_view whole(target, static_cast<std::size_t>(length));
  return std::string(whole.substr(whole.rfind('/') + 1));
}

struct NodeFolder {
  const char* name;   // below /dev
  const char* nodes;  // how their names begin
  const char* links;  // below /sys
};
constexpr NodeFolder kNpuNodes{"accel", "accel", "class/accel/"};
constexpr NodeFolder kGpuNodes{"dri", "renderD", "class/drm/"};

// "accel0" and not "accel0-copy" or "by-path".
bool isNodeName(std::string_view name, std::string_view prefix) {
  return name.size() > prefix.size() && name.starts_with(prefix) &&
         name.find_first_not_of("0123456789", prefix.size()) == std::string_view::npos;
}

std::optional<AccelDeviceReading> readBusyTime(int sys, const std::string& node) {
  const std::string device = "class/accel/" + node + "/device";
  AccelDeviceReading reading;
  reading.busyUsec = readNumber(sys, device + "/npu_busy_time_us");
  if (!reading.busyUsec) return std::nullopt;
  reading.device = linkName(sys, device);
  if (reading.device.empty()) reading.device = node;
  reading.driver = linkName(sys, device + "/driver");
  reading.memoryBytes = readNumber(sys, device + "/npu_memory_utilization");
  if (const auto mhz = readNumber(sys, device + "/npu_current_frequency_mhz")) {
    reading.frequencyMhz = static_cast<std::uint32_t>(std::min<std::uint64_t>(*mhz, UINT32_MAX));
  }
  return reading;
}

// "fdab0000.npu": the platform device, by its entry among the devices that scale their clock. Empty: none.
std::string rockchipName(int sys) {
  for (const std::string& name : namesIn(sys, "class/devfreq")) {
    if (name.ends_with(".npu")) return name;
  }
  return {};
}

// Those that libdrm reads of a device on PCI and of one that a device tree names.
std::map<std::string, std::string> attributesOf(int sys, const std::string& device) {
  std::map<std::string, std::string> attributes;
  for (const char* name : {"device", "revision", "subsystem_device", "subsystem_vendor", "uevent", "vendor"}) {
    if (auto content = readFileAt(sys, device + "/" + name, kibibytes(4))) attributes[name] = *std::move(content);
  }
  return attributes;
}

}  // namespace

std::vector<AccelNode> accelNodes(const MeterRoots& roots, AccelKind kind) {
  const NodeFolder& folder = kind == AccelKind::kNpu ? kNpuNodes : kGpuNodes;
  std::vector<AccelNode> nodes;
  for (const std::string& name : namesIn(roots.dev.get(), folder.name)) {
    const std::string path = std::string(folder.name) + "/" + name;
    struct stat status {};
    const bool isDevice = isNodeName(name, folder.nodes) &&
                          ::fstatat(roots.dev.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                          S_ISCHR(status.st_mode);
    if (!isDevice) continue;
    // An access list may let in more: the seat's user, where udev has marked the node so.
    const bool isOpen = (status.st_mode & 0006) == 0006 ||
                        ::lgetxattr(("/proc/self/fd/" + std::to_string(roots.dev.get()) + "/" + path).c_str(),
                                    "system.posix_acl_access", nullptr, 0) > 0;
    const std::string described = folder.links + name + "/device";
    std::string device = linkName(roots.sys.get(), described);
    if (device.empty()) device = name;
    nodes.push_back({.path = path,
                     .device = std::move(device),
                     .majorNumber = major(status.st_rdev),
                     .minorNumber = minor(status.st_rdev),
                     .bus = linkName(roots.sys.get(), described + "/subsystem"),
                     .attributes = attributesOf(roots.sys.get(), described),
                     .onlyGroup = isOpen ? std::nullopt : std::optional<std::uint32_t>(status.st_gid)});
  }
  return nodes;
}

Presence probeBusyTimeDevices(const MeterRoots& roots) {
  Presence presence = Presence::kAbsent;
  for (const std::string& node : namesIn(roots.sys.get(), "class/accel")) {
    const auto counter = openAt(roots.sys.get(), "class/accel/" + node + "/device/npu_busy_time_us", O_RDONLY);
    if (counter) return Presence::kPresent;
    if (isRefused(counter.error().sysErrno)) presence = Presence::kRefused;
  }
  return presence;
}

std::vector<AccelDeviceReading> readBusyTimeDevices(const MeterRoots& roots) {
  std::vector<AccelDeviceReading> readings;
  for (const std::string& node : namesIn(roots.sys.get(), "class/accel")) {
    if (auto reading = readBusyTime(roots.sys.get(), node)) readings.push_back(std::move(*reading));
  }
  return readings;
}

Presence probeRockchip(const MeterRoots& roots) {
  const auto load = openAt(roots.sys.get(), kRockchipLoad, O_RDONLY);
  if (load) return Presence::kPresent;
  // Without the device too: debugfs may be closed as a whole, and that tells nothing of what is in it.
  if (!isRefused(load.error().sysErrno) || rockchipName(roots.sys.get()).empty()) return Presence::kAbsent;
  return Presence::kRefused;
}

std::vector<AccelDeviceReading> readRockchip(const MeterRoots& roots) {
  const auto load = readFileAt(roots.sys.get(), kRockchipLoad, kibibytes(4));
  const auto percent = load ? parseRockchipLoad(*load) : std::nullopt;
  if (!percent) return {};
  AccelDeviceReading reading;
  const std::string name = rockchipName(roots.sys.get());
  reading.device = name.empty() ? "rknpu" : name;
  reading.driver = "rknpu";
  reading.busyPercent = percent;
  if (const auto hertz = readNumber(roots.sys.get(), "class/devfreq/" + name + "/cur_freq"); !name.empty() && hertz) {
    reading.frequencyMhz = static_cast<std::uint32_t>(std::min<std::uint64_t>(*hertz / 1'000'000, UINT32_MAX));
  }
  return {reading};
}

std::optional<std::uint32_t> parseRockchipLoad(std::string_view content) {
  std::uint64_t sum = 0, cores = 0;
  while (!content.empty()) {
    if (content.find('%') == std::string_view::npos) break;
    std::string_view part = text::takeUntil(content, '%');
    const std::size_t digits = part.find_last_not_of("0123456789");
    if (digits != std::string_view::npos) part.remove_prefix(digits + 1);
    const auto percent = text::number<std::uint32_t>(part);
    if (!percent || *percent > 100) return std::nullopt;
    sum += *percent;
    ++cores;
  }
  if (cores == 0) return std::nullopt;
  return static_cast<std::uint32_t>((sum + cores / 2) / cores);
}

}  // namespace ringfence::supervisor
