#include "supervisor/meter/accel/fdinfo.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "supervisor/meter/accel/text.h"

namespace ringfence::supervisor {
namespace {

using text::number;
using text::takeUntil;
using text::trimmed;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// "192 KiB" with the units that are allowed; absent when it is anything else or too large for 64 bits.
std::optional<std::uint64_t> quantity(std::string_view value, std::span<const Unit> units) {
  const auto count = number<std::uint64_t>(takeUntil(value, ' '));
  if (!count) return std::nullopt;
  const std::string_view name = trimmed(value);
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (*count > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return *count * unit.factor;
  }
  return std::nullopt;
}

constexpr std::array kTimeUnits{Unit{"ns", 1}, Unit{"", 1}};
constexpr std::array kByteUnits{Unit{"KiB", 1ULL << 10}, Unit{"", 1}, Unit{"MiB", 1ULL << 20}, Unit{"GiB", 1ULL << 30}};

std::optional<std::uint64_t> nanoseconds(std::string_view value) { return quantity(value, kTimeUnits); }
std::optional<std::uint64_t> bytes(std::string_view value) { return quantity(value, kByteUnits); }

// A key that comes twice counts once, with the larger number.
void keepLarger(std::optional<std::uint64_t>& kept, std::uint64_t value) { kept = std::max(kept.value_or(0), value); }

// The entry of that name; absent when there are too many.
template <typename Entry>
Entry* named(std::map<std::string, Entry>& entries, std::string_view name, bool& cut) {
  std::string key(name);
  if (const auto found = entries.find(key); found != entries.end()) return &found->second;
  if (entries.size() >= kMaxFdinfoNames) {
    cut = true;
    return nullptr;
  }
  return &entries.emplace(std::move(key), Entry{}).first->second;
}

bool takePrefix(std::string_view& text, std::string_view prefix) {
  if (text.size() <= prefix.size() || text.front() != prefix.front() || !text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool takeCapacity(Fdinfo& info, std::string_view engine, std::string_view value) {
  const auto capacity = number<std::uint32_t>(value);
  if (!capacity || *capacity == 0) return false;
  if (auto* entry = named(info.engines, engine, info.cut)) entry->capacity = *capacity;
  return true;
}

struct EngineRule {
  std::string_view prefix;
  std::optional<std::uint64_t> EngineCounters::*counter;
  std::optional<std::uint64_t> (*parse)(std::string_view);
};
constexpr std::array kEngineRules{
    EngineRule{"engine-", &EngineCounters::busyNs, nanoseconds},
    EngineRule{"cycles-", &EngineCounters::cycles, number<std::uint64_t>},
    EngineRule{"total-cycles-", &EngineCounters::totalCycles, number<std::uint64_t>},
};

struct RegionRule {
  std::string_view prefix;
  std::optional<std::uint64_t> RegionMemory::*bytes;
};
constexpr std::array kRegionRules{
    RegionRule{"total-", &RegionMemory::total},       RegionRule{"shared-", &RegionMemory::shared},
    RegionRule{"resident-", &RegionMemory::resident}, RegionRule{"purgeable-", &RegionMemory::purgeable},
    RegionRule{"active-", &RegionMemory::active},     RegionRule{"memory-", &RegionMemory::memory},
};

// Of a key without its "drm-". The rules are in the order in which it is compared: "engine-capacity-" before "engine-",
// "total-cycles-" before "total-". False: no rule knows it, or not with that value.
bool takeCounter(Fdinfo& info, std::string_view key, std::string_view value) {
  if (takePrefix(key, "engine-capacity-")) return takeCapacity(info, key, value);
  for (const EngineRule& rule : kEngineRules) {
    if (!takePrefix(key, rule.prefix)) continue;
    const auto count = rule.parse(value);
    if (!count) return false;
    if (auto* entry = named(info.engines, key, info.cut)) keepLarger(entry->*rule.counter, *count);
    return true;
  }
  for (const RegionRule& rule : kRegionRules) {
    if (!takePrefix(key, rule.prefix)) continue;
    const auto count = bytes(value);
    if (!count) return false;
    if (auto* entry = named(info.regions, key, info.cut)) keepLarger(entry->*rule.bytes, *count);
    return true;
  }
  return false;
}

bool takeIdentity(Fdinfo& info, std::string_view key, std::string_view value) {
  if (key == "driver") {
    info.driver = value;
  } else if (key == "pdev") {
    info.pdev = value;
  } else if (key == "client-id") {
    info.client = number<std::uint64_t>(value);
    return info.client.has_value();
  } else {
    return false;
  }
  return true;
}

// What every descriptor has, of whatever file.
bool isOfEveryFile(std::string_view key) {
  constexpr std::array<std::string_view, 5> kKeys{"pos", "flags", "mnt_id", "ino", "lock"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

std::optional<std::uint64_t> ownBytes(const Fdinfo& info, std::string_view kind) {
  const auto found = info.unknown.find(info.driver + "-" + std::string(kind) + "-alloc");
  return found == info.unknown.end() ? std::nullopt : bytes(found->second);
}

}  // namespace

std::optional<Fdinfo> parseFdinfo(std::string_view text) {
  Fdinfo info;
  info.cut = text.size() > kMaxFdinfoBytes;
  text = text.substr(0, kMaxFdinfoBytes);
  while (!text.empty()) {
    std::string_view value = takeUntil(text, '\n');
    const std::string_view key = trimmed(takeUntil(value, ':'));
    value = trimmed(value);
    std::string_view rest = key;
    if (takePrefix(rest, "drm-")) {
      if (takeIdentity(info, rest, value) || takeCounter(info, rest, value)) continue;
    } else if (key.empty() || isOfEveryFile(key)) {
      continue;
    }
    if (auto* entry = named(info.unknown, key, info.cut)) *entry = value;
  }
  if (info.driver.empty()) return std::nullopt;
  return info;
}

std::map<std::string, std::uint64_t> memoryInUse(const Fdinfo& info) {
  std::map<std::string, std::uint64_t> use;
  for (const auto& [region, memory] : info.regions) {
    const auto inUse = memory.resident ? memory.resident : memory.memory ? memory.memory : memory.total;
    if (inUse) use.emplace(region, *inUse);
  }
  const auto internal = ownBytes(info, "internal"), external = ownBytes(info, "external");
  const auto region = info.regions.find("memory");
  if (internal && external && region != info.regions.end() && !region->second.resident && region->second.total) {
    use["memory"] = std::min(*region->second.total, *internal + *external);
  }
  return use;
}

std::map<std::string, std::uint64_t> memoryShared(const Fdinfo& info,
                                                  const std::map<std::string, std::uint64_t>& inUse) {
  std::map<std::string, std::uint64_t> shared;
  for (const auto& [region, memory] : info.regions) {
    if (memory.shared.value_or(0) == 0) continue;
    if (const auto all = inUse.find(region); all != inUse.end() && all->second > 0) {
      shared.emplace(region, std::min(all->second, *memory.shared));
    }
  }
  return shared;
}

}  // namespace ringfence::supervisor
