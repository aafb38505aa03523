// What the key watcher tells ringfence-stop: packets of one byte, a trigger, or of eight, what is watched. Neither has
// text in it, so that nothing that a device says of itself is ever read by ringfence-stop. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

namespace ringfence::supervisor::stop {

inline constexpr std::size_t kMaxTriggers = 16;    // with the default ones
inline constexpr std::size_t kMaxKeyDevices = 64;  // watched at once

enum class Press { kPressed, kFoundHeld };
enum class TriggerState : std::uint8_t { kUnknown, kNotUnderstood, kNoKeyboard, kUnplugged, kWatched };

// Bits of what is wrong in general.
inline constexpr std::uint8_t kTooManyDevices = 1;  // some are not watched
inline constexpr std::uint8_t kDeviceRefused = 2;   // one could not be opened or limited to the keys

struct TriggerReport {
  std::uint8_t trigger = 0;
  Press press = Press::kPressed;
  bool operator==(const TriggerReport&) const = default;
};
struct StateReport {
  std::uint8_t trigger = 0;
  TriggerState state = TriggerState::kUnknown;
  bool operator==(const StateReport&) const = default;
};
struct DeviceReport {
  std::uint8_t slot = 0;
  enum class Presence : std::uint8_t { kAbsent, kPresent } presence = Presence::kAbsent;
  std::uint16_t number = 0;  // of eventN
  std::uint16_t vendor = 0, product = 0;
  bool operator==(const DeviceReport&) const = default;
};
struct ProblemReport {
  std::uint8_t problems = 0;
  bool operator==(const ProblemReport&) const = default;
};
using KeyReport = std::variant<TriggerReport, StateReport, DeviceReport, ProblemReport>;

struct KeyPacket {
  std::array<std::uint8_t, 8> bytes{};
  std::size_t size = 0;
  std::span<const std::uint8_t> view() const { return {bytes.data(), size}; }
};

KeyPacket encodeReport(const KeyReport& report);
// Absent: no packet of ours, or a number that is out of bounds. What it yields is encoded as the same bytes again.
std::optional<KeyReport> decodeReport(std::span<const std::uint8_t> bytes);

// How the child ends. kStartAgain: it only wants to be started again, as the directory of the devices came or went.
inline constexpr int kUsageStatus = 64;
inline constexpr int kNoWallsStatus = 70;
inline constexpr int kStartAgain = 75;
// Where the child finds its end of the socket.
inline constexpr int kKeyChannel = 3;

}  // namespace ringfence::supervisor::stop
