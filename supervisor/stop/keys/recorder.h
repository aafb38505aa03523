// What was pressed, as a trigger: for `ringfence-stop --record`. Pure.
#pragma once

#include <optional>
#include <vector>

#include "supervisor/stop/keys/trigger_list.h"

namespace ringfence::supervisor::stop {

// From the first key that goes down until no key is down and a second has passed. Keys that were down before are not
// part of it, nor is their going up.
class Recorder {
 public:
  void event(DeviceId device, const KeyEvent& event);
  // What was pressed, when it is over.
  std::optional<TriggerSpec> result(Microseconds now) const;

 private:
  struct Key {
    std::size_t slot = 0;
    int code = 0;
    bool operator==(const Key&) const = default;
  };

  std::vector<Key> down_;
  std::vector<int> most_;  // the keys that were down when the most were
  int presses_ = 0;
  DeviceId device_;
  Microseconds last_{};
};

}  // namespace ringfence::supervisor::stop
