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

// All that the run may send out of the device.
struct SendBudget {
  std::optional<std::uint64_t> most;
  std::uint64_t sent = 0;
  std::uint64_t left() const { return !most ? UINT64_MAX : *most > sent ? *most - sent : 0; }
};

class TrafficTable {
 public:
  // Stays valid. Beyond a bound all further hosts are counted as one.
  HostTraffic& of(const Destination& destination);
  void changed() { changed_ = true; }
  bool hasChanged() const { return changed_; }
  // All, when something changed since the last time.
  std::optional<Traffic> takeChanged();
  // What was counted before this table began.
  void continueFrom(const std::vector<HostTraffic>& told);
  // To other machines.
  std::uint64_t sentAway() const;

 private:
  using Key = std::pair<std::string, std::uint16_t>;
  std::map<Key, HostTraffic> hosts_;
  bool changed_ = false;
};

}  // namespace ringfence::sandbox
