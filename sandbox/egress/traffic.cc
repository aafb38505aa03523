#include "sandbox/egress/traffic.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMostHosts = 1024;
constexpr std::size_t kHostsAMessage = 200;
constexpr const char* kOthers = "(others)";

}  // namespace

HostTraffic& TrafficTable::of(const Destination& destination) {
  Key key{destination.host, destination.port};
  if (!hosts_.contains(key) && hosts_.size() >= kMostHosts) key = {kOthers, 0};
  HostTraffic& traffic = hosts_[key];
  traffic.host = key.first;
  traffic.port = key.second;
  return traffic;
}

std::vector<Traffic> TrafficTable::takeChanged() {
  std::vector<Traffic> messages;
  for (const Key& key : changed_) {
    if (messages.empty() || messages.back().hosts.size() == kHostsAMessage) messages.emplace_back();
    messages.back().hosts.push_back(hosts_[key]);
  }
  changed_.clear();
  return messages;
}

}  // namespace ringfence::sandbox
