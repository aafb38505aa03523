#include "supervisor/meter/foreground_meter.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <set>

#include "sdk/base/group_names.h"
#include "supervisor/meter/kernel_text.h"

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kMaxForegroundGroups = 64;
constexpr std::size_t kMaxForegroundDepth = 8;
constexpr std::size_t kLongestListing = 4096;
constexpr std::size_t kPressureBuffer = 512;

std::optional<std::uint64_t> readStall(const KernelFile& file) {
  std::array<char, kPressureBuffer> buffer __attribute__((uninitialized));
  const auto text = file.read(buffer);
  return text ? parseStall(*text) : std::nullopt;
}

std::optional<std::uint64_t> readUsed(const KernelFile& file) {
  std::array<char, kPressureBuffer> buffer __attribute__((uninitialized));
  const auto text = file.read(buffer);
  return text ? findNumber(*text, "usage_usec") : std::nullopt;
}

// How much more it is than at the reading before; `before` becomes what it says now.
std::optional<std::uint64_t> grown(std::optional<std::uint64_t> now, std::optional<std::uint64_t>& before) {
  std::optional<std::uint64_t> more;
  if (now && before) more = *now >= *before ? *now - *before : 0;
  before = now;
  return more;
}

void keepLongest(std::optional<std::uint64_t>& longest, std::optional<std::uint64_t> one) {
  if (one) longest = std::max(longest.value_or(0), *one);
}

// "NAME-interactive" beside "NAME-background" are branches of agents.
bool isOfAgents(const std::string& name, const std::set<std::string>& beside) {
  for (const char* ending : {kBackgroundBranch, kInteractiveBranch, kLauncherGroup}) {
    const std::size_t at = name.rfind(ending);  // a launcher's may be followed by its number
    if (at == std::string::npos) continue;
    const std::string tree = name.substr(0, at);
    if (beside.contains(tree + kBackgroundBranch) && beside.contains(tree + kInteractiveBranch)) return true;
  }
  return false;
}

}  // namespace

ForegroundMeter::ForegroundMeter(UniqueFd unified, std::vector<std::string> leftOut)
    : unified_(std::move(unified)), leftOut_(std::move(leftOut)) {
  look();
  (void)read();  // Where each begins.
  total_ = {};
}

void ForegroundMeter::collect(int directory, const std::string& path, std::size_t depth,
                              std::map<std::string, Group>& found) {
  const auto entries = listDirectory(directory, ".", kLongestListing);
  if (!entries) return;
  std::set<std::string> names;
  for (const DirectoryEntry& entry : *entries)
    if (entry.mayBeDirectory) names.insert(entry.name);
  for (const std::string& name : names) {
    const std::string group = path + name;
    if (found.size() == kMaxForegroundGroups) return;
    if (std::ranges::find(leftOut_, group) != leftOut_.end() || (depth == 0 && isOfAgents(name, names))) continue;
    const UniqueFd below(openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!below) continue;
    const bool holdsOne =
        std::ranges::any_of(leftOut_, [&](const std::string& one) { return one.starts_with(group + "/"); });
    if (holdsOne) {
      if (depth < kMaxForegroundDepth) collect(below.get(), group + "/", depth + 1, found);
      continue;
    }
    Group one{.memory = KernelFile::open(below.get(), "memory.pressure"),
              .io = KernelFile::open(below.get(), "io.pressure"),
              .cpu = KernelFile::open(below.get(), "cpu.stat"),
              .memoryUsec = {},
              .ioUsec = {},
              .cpuUsec = {}};
    if (one.memory || one.io || one.cpu) found.emplace(group, std::move(one));
  }
}

void ForegroundMeter::look() {
  std::map<std::string, Group> found;
  if (unified_) collect(unified_.get(), "", 0, found);
  for (auto& [path, group] : found) {
    const auto known = groups_.find(path);
    if (known == groups_.end()) continue;
    group.memoryUsec = known->second.memoryUsec;
    group.ioUsec = known->second.ioUsec;
    group.cpuUsec = known->second.cpuUsec;
  }
  groups_ = std::move(found);
}

ForegroundReading ForegroundMeter::read() {
  ForegroundReading longest;
  std::uint64_t used = 0;
  bool memoryTold = false, ioTold = false, cpuTold = false;
  for (auto& [path, group] : groups_) {
    keepLongest(longest.memoryUsec, grown(readStall(group.memory), group.memoryUsec));
    keepLongest(longest.ioUsec, grown(readStall(group.io), group.ioUsec));
    used += grown(readUsed(group.cpu), group.cpuUsec).value_or(0);
    memoryTold = memoryTold || group.memoryUsec;
    ioTold = ioTold || group.ioUsec;
    cpuTold = cpuTold || group.cpuUsec;
  }
  if (memoryTold) total_.memoryUsec = total_.memoryUsec.value_or(0) + longest.memoryUsec.value_or(0);
  if (ioTold) total_.ioUsec = total_.ioUsec.value_or(0) + longest.ioUsec.value_or(0);
  if (cpuTold) total_.cpuUsec = total_.cpuUsec.value_or(0) + used;
  return {memoryTold ? total_.memoryUsec : std::nullopt, ioTold ? total_.ioUsec : std::nullopt,
          cpuTold ? total_.cpuUsec : std::nullopt};
}

std::optional<std::string> unifiedPathIn(const std::string& cgroupText) {
  std::size_t at = 0;
  while (at < cgroupText.size()) {
    const std::size_t end = std::min(cgroupText.find('\n', at), cgroupText.size());
    const std::string line = cgroupText.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with("0::/")) continue;
    std::string path = line.substr(4);
    if (path.empty() || path.starts_with("..")) return std::nullopt;
    return path;
  }
  return std::nullopt;
}

}  // namespace ringfence::supervisor
