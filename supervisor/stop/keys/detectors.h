// The detectors of the emergency stop: each a pure function over what keys do in time. The next one (touch, a voice) is
// one more struct of its spec in trigger_spec.h and one more class in makeDetector().
#pragma once

#include <memory>
#include <optional>

#include "supervisor/stop/keys/held_keys.h"
#include "supervisor/stop/keys/trigger_spec.h"

namespace ringfence::supervisor::stop {

// A key that went down or up; never told twice in a row of the same key of the same device.
struct KeyChange {
  Microseconds at{};
  std::size_t slot = 0;
  DeviceId device;
  int code = 0;
  enum class To { kDown, kUp } to = To::kDown;
  Press press = Press::kPressed;
};

class Detector {
 public:
  virtual ~Detector() = default;
  // Whether a device has what this one wants; a chord may be spread over several, so it says which keys it has.
  virtual bool wants(DeviceId device, int code) const = 0;
  // After `held` has the change. Yields something when it fires.
  virtual std::optional<Press> onKey(const KeyChange& change, const HeldKeys& held) = 0;
  // Time has come to `at`, and nothing changed before it.
  virtual std::optional<Press> onTime(Microseconds at, const HeldKeys& held) = 0;
  // When onTime() would fire if nothing changes.
  virtual std::optional<Microseconds> deadline(const HeldKeys& held) const = 0;
};

// A key that changes again this soon did not: contacts bounce, and some keyboards show one key on two devices.
inline constexpr Microseconds kBounce = std::chrono::milliseconds(40);
// A chord that was held and lost for less than this is the same hold: it fires once.
inline constexpr Microseconds kChordRest = std::chrono::milliseconds(100);

std::unique_ptr<Detector> makeDetector(const TriggerSpec& spec);

}  // namespace ringfence::supervisor::stop
