#include "sandbox/egress/traffic.h"

#include <string_view>

namespace ringfence::sandbox {
namespace {

constexpr const char* kOthers = "(others)";
constexpr std::string_view kThisMachine = "127.0.0.1";

}  // namespace

HostTraffic& TrafficTable::of(const Destination& destination) {
  Key key{destination.host, destination.port};
  if (!hosts_.contains(key) && hosts_.size() + 1 >= kMostTrafficHosts) key = {kOthers, 0};
  HostTraffic& traffic = hosts_[key];
  traffic.host = key.first;
  traffic.port = key.second;
  return traffic;
}

void TrafficTable::continueFrom(const std::vector<HostTraffic>& told) {
  for (const HostTraffic& traffic : told) {
    if (hosts_.size() < kMostTrafficHosts) hosts_[{traffic.host, traffic.port}] = traffic;
  }
}

std::uint64_t TrafficTable::sentAway() const {
  std::uint64_t sent = 0;
  for (const auto& [key, traffic] : hosts_) sent += key.first == kThisMachine ? 0 : traffic.sentBytes;
  return sent;
}

std::optional<Traffic> TrafficTable::takeChanged() {
  if (!std::exchange(changed_, false)) return std::nullopt;
  Traffic all;
  for (const auto& [key, traffic] : hosts_) all.hosts.push_back(traffic);
  return all;
}

}  // namespace ringfence::sandbox
