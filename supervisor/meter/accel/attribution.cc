#include "supervisor/meter/accel/attribution.h"

#include <algorithm>
#include <optional>

namespace ringfence::supervisor {
namespace {

using Shares = std::map<RunId, std::uint64_t>;

std::uint64_t sum(const Shares& shares) {
  std::uint64_t total = 0;
  for (const auto& [run, share] : shares) total += share;
  return total;
}

// In proportion to the shares and together exactly `total`: what rounding leaves over goes to the largest remainders.
Shares scaled(const Shares& shares, std::uint64_t total) {
  const std::uint64_t whole = sum(shares);
  Shares result;
  std::vector<std::pair<std::uint64_t, RunId>> remainders;
  std::uint64_t left = total;
  for (const auto& [run, share] : shares) {
    const auto product = static_cast<unsigned __int128>(share) * total;
    result[run] = static_cast<std::uint64_t>(product / whole);
    left -= result[run];
    remainders.emplace_back(static_cast<std::uint64_t>(product % whole), run);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; i < left; ++i) ++result[remainders[i].second];
  return result;
}

std::vector<Attributed> told(const DeviceWindow& window, const Shares& shares, AccelScope scope,
                             Confidence confidence) {
  std::vector<Attributed> parts;
  for (const auto& [run, share] : shares) {
    if (share > 0) parts.push_back({window.device, run, share, scope, confidence});
  }
  if (const std::uint64_t left = window.busyUsec - sum(shares); left > 0) {
    // That the device was busy is all that is known of it.
    parts.push_back({window.device, std::nullopt, left, AccelScope::kDevice, window.confidence});
  }
  return parts;
}

}  // namespace

std::vector<DeviceWindow> DeviceWatch::add(std::span<const AccelDeviceReading> readings) {
  std::vector<DeviceWindow> windows;
  for (const AccelDeviceReading& reading : readings) {
    if (!reading.busyUsec && !reading.busyPercent) continue;
    const auto [entry, isFirst] = seen_.try_emplace(reading.device);
    Seen& seen = entry->second;
    if (!isFirst && reading.at <= seen.at) continue;
    DeviceWindow window{.device = reading.device, .from = seen.at, .to = reading.at};
    if (reading.busyUsec) {
      window.busyUsec = seen.busyUsec.advance(*reading.busyUsec, reading.at);
    } else {
      const auto length = static_cast<std::uint64_t>((window.to - window.from).count());
      window.busyUsec = length * std::min<std::uint64_t>(*reading.busyPercent, 100) / 100;
      window.confidence = Confidence::kEstimated;
    }
    seen.at = reading.at;
    if (!isFirst) windows.push_back(std::move(window));
  }
  return windows;
}

std::vector<Attributed> attribute(const DeviceWindow& window, std::span<const RunBusy> clients,
                                  std::span<const LeaseSpan> leases) {
  Shares shares;
  if (!clients.empty()) {
    for (const RunBusy& client : clients) {
      if (client.device == window.device) shares[client.run] += client.busyUsec;
    }
    if (sum(shares) <= window.busyUsec) return told(window, shares, AccelScope::kClient, Confidence::kMeasured);
    return told(window, scaled(shares, window.busyUsec), AccelScope::kClient, Confidence::kEstimated);
  }
  for (const LeaseSpan& lease : leases) {
    if (lease.device == window.device && lease.heldUsec > 0) shares[lease.run] += lease.heldUsec;
  }
  if (shares.empty()) return told(window, {}, AccelScope::kDevice, window.confidence);
  const std::uint64_t held = sum(shares);
  const bool isSole = shares.size() == 1 && held >= window.busyUsec;
  const Confidence confidence = isSole ? window.confidence : Confidence::kEstimated;
  return told(window, scaled(shares, std::min(window.busyUsec, held)), AccelScope::kDevice, confidence);
}

}  // namespace ringfence::supervisor
