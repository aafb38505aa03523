// All triggers over all devices: what the devices say becomes what was pressed. Pure; of a fixed size once it is made.
//
//   TriggerList triggers(specs);
//   triggers.attach(0, keyboard, held, now);
//   triggers.event({.at = t, .slot = 0, .code = KEY_END, .value = 1});
//   triggers.advance(now);
//   for (const TriggerReport& fired : triggers.takeFired()) …
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "supervisor/stop/keys/detectors.h"

namespace ringfence::supervisor::stop {

inline constexpr std::size_t kMaxWatchedKeys = 64;  // different ones, of all triggers together

// Value as the kernel gives it: 0 up, 1 down, 2 repeated.
struct KeyEvent {
  Microseconds at{};
  std::size_t slot = 0;
  int code = 0;
  int value = 0;
};

// Times may go back or jump: what comes counts as not before what came. A trigger whose spec is absent, or that would
// make more keys than kMaxWatchedKeys, is never fired (isUnderstood).
class TriggerList {
 public:
  explicit TriggerList(const std::vector<std::optional<TriggerSpec>>& specs);

  bool isUnderstood(std::size_t trigger) const { return detectors_[trigger] != nullptr; }
  // The keys that somebody wants of such a device.
  std::vector<int> wantedOf(DeviceId device) const;

  // A device in a free slot, which has `keys`, of which `held` are down already.
  void attach(std::size_t slot, DeviceId device, std::span<const int> keys, std::span<const int> held, Microseconds at);
  // It is gone: nothing is down on it any more, and that fires nothing.
  void detach(std::size_t slot, Microseconds at);
  // Events of it were lost: what is down there may have been up meanwhile, so its time begins anew.
  void dropped(std::size_t slot, Microseconds at);
  void event(const KeyEvent& event);
  // Everything that happened up to `at` was told.
  void advance(Microseconds at);
  // When advance() would fire something if nothing changes.
  std::optional<Microseconds> deadline() const;

  TriggerState stateOf(std::size_t trigger) const;
  std::size_t size() const { return detectors_.size(); }
  // What fired since the last time, in order, at most kMaxFired: by then everything is stopped twice.
  std::vector<TriggerReport> takeFired();

 private:
  static constexpr std::size_t kMaxFired = 64;

  struct Device {
    DeviceId id;
    std::vector<int> keys;
  };

  void change(std::size_t slot, int code, KeyChange::To to, Press press);
  void fired(std::size_t trigger, std::optional<Press> press);

  std::vector<std::optional<TriggerSpec>> specs_;
  std::vector<std::unique_ptr<Detector>> detectors_;
  HeldKeys held_;
  std::array<std::optional<Device>, kMaxKeyDevices> devices_;
  Microseconds time_{};
  std::vector<TriggerReport> fired_;
};

}  // namespace ringfence::supervisor::stop
