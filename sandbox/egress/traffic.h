// How many bytes went where, and how many may still go. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/egress/destination.h"
#include "sandbox/wire/guard.h"

namespace ringfence::sandbox {

// All that the run may send out of the device, in bytes.
struct SendBudget {
  std::optional<std::uint64_t> most;  // absent: as much as it likes
  std::uint64_t sent = 0;
  std::uint64_t left() const { return !most ? UINT64_MAX : *most > sent ? *most - sent : 0; }
};

class TrafficTable {
 public:
  // Stays valid as long as the table. Beyond kMostTrafficHosts all further hosts are counted as one.
  HostTraffic& of(const Destination& destination);
  void noteChange() { changed_ = true; }
  bool hasChanged() const { return changed_; }
  // All, when something changed since the last time.
  std::optional<Traffic> takeChanged();
  // What was counted before this table began.
  void continueFrom(const std::vector<HostTraffic>& told);
  // Bytes, to other machines.
  std::uint64_t sentAway() const;

 private:
  using Key = std::pair<std::string, std::uint16_t>;
  std::map<Key, HostTraffic> hosts_;
  bool changed_ = false;
};

}  // namespace ringfence::sandbox
