#include "supervisor/meter/energy.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "supervisor/meter/kernel_text.h"

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kMaxPowerEntries = 256;  // of a directory: zones, supplies
constexpr std::size_t kMaxEnergyDomains = 64;
constexpr std::size_t kLongestDomainName = 64;
constexpr std::int64_t kColdest = -40'000, kHottest = 125'000;  // sensors that are broken tell -274000, 127000 and more
// Trip points that are not in use are 0, -274000 and the like; what is cooler than a hand is nobody's limit either.
constexpr std::int64_t kLeastTooHot = 45'000;
constexpr int kMaxTripPoints = 16;  // of a zone

std::optional<std::int64_t> readInteger(int directory, const std::string& path) {
  const auto text = readShortFile(directory, path);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const char* const last = text->data() + text->size();
  const auto [end, problem] = std::from_chars(text->data(), last, value);
  if (problem != std::errc() || end != last) return std::nullopt;
  return value;
}

// Currents are negative on some machines while the battery discharges.
std::optional<double> readMagnitude(int directory, const std::string& path) {
  const auto value = readInteger(directory, path);
  return value ? std::optional(std::abs(static_cast<double>(*value))) : std::nullopt;
}

std::vector<DirectoryEntry> entriesOf(int directory, const std::string& path) {
  auto entries = listDirectory(directory, path, kMaxPowerEntries);
  return entries ? *std::move(entries) : std::vector<DirectoryEntry>{};
}

bool isNameOfDomain(const std::string& name) {
  const auto usual = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= kLongestDomainName && std::all_of(name.begin(), name.end(), usual);
}

struct Zone {
  std::string directory;  // "intel-rapl:0:1"
  std::string name;       // "package-0/core"
};

// The zones of RAPL, those above before those below. The same counters are shown a second time below intel-rapl-mmio.
std::vector<Zone> findZones(int powercap) {
  std::vector<Zone> zones;
  for (const DirectoryEntry& entry : entriesOf(powercap, ".")) {
    const std::size_t colon = entry.name.find(':');
    if (colon == std::string::npos) continue;
    const auto name = readShortFile(powercap, entry.name + "/name");
    if (!name || !isNameOfDomain(*name)) continue;
    const std::size_t last = entry.name.rfind(':');
    Zone zone{entry.name, *name};
    if (last != colon) {
      const auto above = std::find_if(zones.begin(), zones.end(),
                                      [&](const Zone& one) { return one.directory == entry.name.substr(0, last); });
      if (above == zones.end()) continue;
      zone.name = above->name + "/" + *name;
    }
    const bool isKnown =
        std::any_of(zones.begin(), zones.end(), [&](const Zone& one) { return one.name == zone.name; });
    if (!isKnown && zones.size() < kMaxEnergyDomains) zones.push_back(std::move(zone));
  }
  return zones;
}

struct Battery {
  std::string status;
  std::optional<double> percent, left, full, watts;  // left and full in Wh or Ah, whichever `inEnergy` says
  bool inEnergy = false;
};

Battery readBattery(int directory, const std::string& name) {
  Battery battery;
  const auto magnitude = [&](const char* file) { return readMagnitude(directory, name + "/" + file); };
  battery.status = readShortFile(directory, name + "/status").value_or("Unknown");
  // A little above a hundred is a battery that was better once than it is said to be.
  if (const auto capacity = magnitude("capacity"); capacity && *capacity <= 110)
    battery.percent = std::min(*capacity, 100.0);
  battery.left = magnitude("energy_now");
  battery.full = magnitude("energy_full");
  battery.inEnergy = battery.left && battery.full;
  if (!battery.inEnergy) {
    battery.left = magnitude("charge_now");
    battery.full = magnitude("charge_full");
  }
  const auto power = magnitude("power_now");
  const auto current = magnitude("current_now");
  const auto voltage = magnitude("voltage_now");
  if (power)
    battery.watts = *power / 1e6;
  else if (current && voltage)
    battery.watts = *current / 1e6 * (*voltage / 1e6);
  return battery;
}

// By what is in them where all tell it in one unit, else the mean of what each says; absent when one says nothing.
std::optional<std::uint32_t> percentOf(const std::vector<Battery>& batteries) {
  double left = 0, full = 0, mean = 0;
  bool byContent = true, bySaying = true;
  for (const Battery& battery : batteries) {
    byContent = byContent && battery.left && battery.full && battery.inEnergy == batteries.front().inEnergy;
    bySaying = bySaying && battery.percent;
    left += battery.left.value_or(0);
    full += battery.full.value_or(0);
    mean += battery.percent.value_or(0) / static_cast<double>(batteries.size());
  }
  // What a single battery says of itself is what the person sees elsewhere.
  const bool preferSaying = batteries.size() == 1 && bySaying;
  if (byContent && full > 0 && !preferSaying) return static_cast<std::uint32_t>(std::min(left / full, 1.0) * 100 + 0.5);
  if (bySaying) return static_cast<std::uint32_t>(mean + 0.5);
  return std::nullopt;
}

std::optional<std::uint64_t> drawnFrom(const std::vector<Battery>& batteries) {
  std::optional<double> watts;
  for (const Battery& battery : batteries) {
    if (battery.status != "Discharging") continue;
    if (!battery.watts) return std::nullopt;
    watts = watts.value_or(0) + *battery.watts;
  }
  if (!watts || *watts > 1e6) return std::nullopt;
  return static_cast<std::uint64_t>(*watts * 1e6 + 0.5);
}

std::optional<std::int64_t> readTemperature(int zones, const std::string& zone) {
  const auto temperature = readInteger(zones, zone + "/temp");
  return temperature && *temperature >= kColdest && *temperature <= kHottest ? temperature : std::nullopt;
}

// From where on the zone is too hot; absent: it does not say.
std::optional<std::int64_t> readLimit(int zones, const std::string& zone) {
  std::optional<std::int64_t> lowest;
  for (int i = 0; i < kMaxTripPoints; ++i) {
    const std::string point = zone + "/trip_point_" + std::to_string(i);
    const auto type = readShortFile(zones, point + "_type");
    if (!type) break;
    if (*type != "passive" && *type != "hot") continue;
    const auto limit = readInteger(zones, point + "_temp");
    if (limit && *limit >= kLeastTooHot && *limit <= kHottest) lowest = std::min(lowest.value_or(*limit), *limit);
  }
  return lowest;
}

}  // namespace

EnergyCounters::EnergyCounters(const MeterRoots& roots) {
  const UniqueFd powercap(openat(roots.sys.get(), "class/powercap", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!powercap) return;
  for (Zone& zone : findZones(powercap.get())) {
    Domain domain;
    domain.counter = KernelFile::open(powercap.get(), zone.directory + "/energy_uj");
    if (!domain.counter) continue;
    const auto range = readInteger(powercap.get(), zone.directory + "/max_energy_range_uj");
    if (range && *range > 0) domain.wrapsAt = static_cast<std::uint64_t>(*range);
    domain.name = std::move(zone.name);
    domains_.push_back(std::move(domain));
  }
  (void)read();  // where each begins
}

std::vector<EnergyReading> EnergyCounters::read() {
  std::array<char, 64> buffer;
  std::vector<EnergyReading> readings;
  for (Domain& domain : domains_) {
    const auto text = domain.counter.readWhole(buffer);
    const auto counter = text ? parseNumberLine(*text) : std::nullopt;
    if (counter) readings.push_back({domain.name, domain.total.take(*counter, domain.wrapsAt)});
  }
  return readings;
}

std::optional<BatteryReading> readBatteries(const MeterRoots& roots) {
  const UniqueFd supplies(openat(roots.sys.get(), "class/power_supply", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!supplies) return std::nullopt;
  std::vector<Battery> batteries;
  bool chargerKnown = false, chargerThere = false;
  for (const DirectoryEntry& entry : entriesOf(supplies.get(), ".")) {
    const auto read = [&](const char* file) { return readShortFile(supplies.get(), entry.name + "/" + file); };
    if (read("scope") == "Device") continue;
    const auto type = read("type");
    if (type == "Battery" && read("present") != "0") {
      batteries.push_back(readBattery(supplies.get(), entry.name));
    } else if (type == "Mains" || type == "USB") {
      const auto online = readInteger(supplies.get(), entry.name + "/online");
      chargerKnown = chargerKnown || online;
      chargerThere = chargerThere || (online && *online > 0);
    }
  }
  if (batteries.empty()) return std::nullopt;
  const auto has = [&](auto&& what) { return std::any_of(batteries.begin(), batteries.end(), what); };
  BatteryReading reading;
  reading.percent = percentOf(batteries);
  reading.discharging = has([](const Battery& one) { return one.status == "Discharging"; });
  const bool oneSays = has([](const Battery& one) { return one.status != "Unknown"; });
  if (!oneSays) reading.discharging = chargerKnown && !chargerThere;
  reading.microwatts = drawnFrom(batteries);
  return reading;
}

std::optional<bool> readTooHot(const MeterRoots& roots) {
  const UniqueFd zones(openat(roots.sys.get(), "class/thermal", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!zones) return std::nullopt;
  std::optional<bool> tooHot;
  for (const DirectoryEntry& entry : entriesOf(zones.get(), ".")) {
    if (!entry.name.starts_with("thermal_zone")) continue;
    const auto limit = readLimit(zones.get(), entry.name);
    const auto temperature = limit ? readTemperature(zones.get(), entry.name) : std::nullopt;
    if (temperature) tooHot = tooHot.value_or(false) || *temperature >= *limit;
  }
  return tooHot;
}

}  // namespace ringfence::supervisor
