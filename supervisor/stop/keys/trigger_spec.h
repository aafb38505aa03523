// A trigger as text that people write and the recorder prints, and as a value. Pure, but for libevdev's table of names.
//
//   hold ctrl+alt+end 500ms       these keys down together for so long
//   press pause x3 within 2s      one key that often within that time
//   button 046d:c31c f13          one press of a key of that device; the same key elsewhere is another key
//
// Keys have evdev's names in small letters without KEY_ ("end", "kp1", "btn_trigger"); those without a name are
// numbers ("code250"). ctrl, alt, shift and meta are the left one or the right one. A key is where it is on the
// keyboard, whatever is printed on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"

namespace ringfence::supervisor::stop {

inline constexpr std::size_t kMaxChordKeys = 8;
inline constexpr std::size_t kMaxSpecText = 112;

struct DeviceId {
  std::uint16_t vendor = 0, product = 0;
  bool operator==(const DeviceId&) const = default;
};

// Any of these key codes.
using KeyChoice = std::vector<int>;

struct HoldSpec {
  std::vector<KeyChoice> keys;
  Milliseconds time{};
  bool operator==(const HoldSpec&) const = default;
};
struct PressSpec {
  KeyChoice key;
  int times = 0;
  Milliseconds within{};
  bool operator==(const PressSpec&) const = default;
};
struct ButtonSpec {
  DeviceId device;
  int code = 0;
  bool operator==(const ButtonSpec&) const = default;
};
using TriggerSpec = std::variant<HoldSpec, PressSpec, ButtonSpec>;

// Fails with kInvalid, saying which word is wrong and what it may be.
Result<TriggerSpec> parseTrigger(std::string_view text);
// parseTrigger() of it yields the same value.
std::string describeTrigger(const TriggerSpec& spec);

// The name of one key, and the keys that a name means; empty when it is none.
std::string keyName(int code);
KeyChoice keysNamed(std::string_view name);

}  // namespace ringfence::supervisor::stop
