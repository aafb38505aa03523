#include "supervisor/stop/keys/channel.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr std::uint8_t kFoundHeldBit = 0x80;
constexpr std::uint8_t kState = 't', kDevice = 'd', kProblem = 'p';

template <typename... Kinds>
struct Overloaded : Kinds... {
  using Kinds::operator()...;
};
template <typename... Kinds>
Overloaded(Kinds...) -> Overloaded<Kinds...>;

std::uint8_t low(std::uint16_t number) { return static_cast<std::uint8_t>(number & 0xff); }
std::uint8_t high(std::uint16_t number) { return static_cast<std::uint8_t>(number >> 8); }
std::uint16_t join(std::uint8_t lower, std::uint8_t upper) { return static_cast<std::uint16_t>(lower | upper << 8); }

std::optional<KeyReport> decodeLong(std::span<const std::uint8_t> bytes) {
  if (bytes[0] == kState && bytes[1] < kMaxTriggers && bytes[2] <= static_cast<int>(TriggerState::kWatched))
    return StateReport{bytes[1], static_cast<TriggerState>(bytes[2])};
  if (bytes[0] == kDevice && (bytes[1] & ~kFoundHeldBit) < static_cast<int>(kMaxKeyDevices)) {
    const bool present = (bytes[1] & kFoundHeldBit) != 0;
    return DeviceReport{static_cast<std::uint8_t>(bytes[1] & ~kFoundHeldBit),
                        present ? DeviceReport::Presence::kPresent : DeviceReport::Presence::kAbsent,
                        join(bytes[2], bytes[3]), join(bytes[4], bytes[5]), join(bytes[6], bytes[7])};
  }
  if (bytes[0] == kProblem && bytes[1] <= (kTooManyDevices | kDeviceRefused)) return ProblemReport{bytes[1]};
  return std::nullopt;
}

}  // namespace

KeyPacket encodeReport(const KeyReport& report) {
  return std::visit(
      Overloaded{[](const TriggerReport& trigger) {
                   const bool found = trigger.press == Press::kFoundHeld;
                   return KeyPacket{{static_cast<std::uint8_t>(trigger.trigger | (found ? kFoundHeldBit : 0))}, 1};
                 },
                 [](const StateReport& state) {
                   return KeyPacket{{kState, state.trigger, static_cast<std::uint8_t>(state.state)}, 8};
                 },
                 [](const DeviceReport& device) {
                   const bool present = device.presence == DeviceReport::Presence::kPresent;
                   return KeyPacket{{kDevice, static_cast<std::uint8_t>(device.slot | (present ? kFoundHeldBit : 0)),
                                     low(device.number), high(device.number), low(device.vendor), high(device.vendor),
                                     low(device.product), high(device.product)},
                                    8};
                 },
                 [](const ProblemReport& problem) {
                   return KeyPacket{{kProblem, problem.problems}, 8};
                 }},
      report);
}

std::optional<KeyReport> decodeReport(std::span<const std::uint8_t> bytes) {
  if (bytes.size() == 1) {
    const auto trigger = static_cast<std::uint8_t>(bytes[0] & ~kFoundHeldBit);
    if (trigger >= kMaxTriggers) return std::nullopt;
    return TriggerReport{trigger, (bytes[0] & kFoundHeldBit) != 0 ? Press::kFoundHeld : Press::kPressed};
  }
  if (bytes.size() != 8) return std::nullopt;
  const auto report = decodeLong(bytes);
  // Bytes that mean nothing must be zero.
  if (!report || encodeReport(*report).bytes !=
                     std::array{bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]})
    return std::nullopt;
  return report;
}

}  // namespace ringfence::supervisor::stop
