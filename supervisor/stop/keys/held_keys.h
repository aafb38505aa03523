// Which keys of the triggers are down, on which device, since when. Pure; of a fixed size once it is made.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "sdk/base/clock.h"
#include "supervisor/stop/keys/channel.h"
#include "supervisor/stop/keys/trigger_spec.h"

namespace ringfence::supervisor::stop {

struct Down {
  Microseconds since{};
  Press press = Press::kPressed;
  bool operator==(const Down&) const = default;
};

class HeldKeys {
 public:
  // `codes` are sorted and different.
  explicit HeldKeys(std::vector<int> codes) : codes_(std::move(codes)), downs_(codes_.size() * kMaxKeyDevices) {}

  const std::vector<int>& codes() const { return codes_; }
  bool knows(int code) const { return std::binary_search(codes_.begin(), codes_.end(), code); }

  // Only of a known code and a device below kMaxKeyDevices.
  std::optional<Down>& at(std::size_t device, int code) { return downs_[row(code) + device]; }

  // The key of the choice that has been down for longest, on whichever device: keyboards are one, as for a desktop, and
  // some keyboards are several devices themselves.
  std::optional<Down> longest(const KeyChoice& choice) const {
    std::optional<Down> first;
    for (const int code : choice) {
      const std::size_t begin = row(code);
      for (std::size_t i = begin; i < begin + kMaxKeyDevices; ++i)
        if (downs_[i] && (!first || downs_[i]->since < first->since)) first = downs_[i];
    }
    return first;
  }

 private:
  std::size_t row(int code) const {
    const auto found = std::lower_bound(codes_.begin(), codes_.end(), code);
    return static_cast<std::size_t>(found - codes_.begin()) * kMaxKeyDevices;
  }

  std::vector<int> codes_;
  std::vector<std::optional<Down>> downs_;  // a row a key
};

}  // namespace ringfence::supervisor::stop
