// Any bytes as a packet of the key watcher, as a trigger's text, and as what keyboards do: nothing fires that was not
// held.
#include <linux/input-event-codes.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "supervisor/stop/keys/channel.h"
#include "supervisor/stop/keys/trigger_list.h"

using namespace ringfence;
using namespace ringfence::supervisor::stop;

namespace {

constexpr int kKeys[] = {KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTALT, KEY_END, KEY_PAUSE, KEY_F13, KEY_A, 0};

void fuzzText(std::string_view text) {
  const auto spec = parseTrigger(text);
  if (!spec) return;
  const auto again = parseTrigger(describeTrigger(*spec));
  RF_CHECK(again && *again == *spec);
}

void fuzzPacket(std::span<const std::uint8_t> bytes) {
  const auto report = decodeReport(bytes);
  if (!report) return;
  const auto packet = encodeReport(*report);
  RF_CHECK(packet.size == bytes.size() && std::equal(bytes.begin(), bytes.end(), packet.bytes.begin()));
}

// A step is four bytes: what, which device and key, how much later (in steps of 4 ms, or a jump).
void fuzzKeys(std::span<const std::uint8_t> bytes) {
  TriggerList triggers({*parseTrigger("hold ctrl+alt+end 500ms"), *parseTrigger("press pause x3 within 2s"),
                        *parseTrigger("button 1234:abcd f13")});
  const std::vector<int> keys(std::begin(kKeys), std::end(kKeys) - 1);
  std::vector<bool> there(4);
  constexpr Microseconds kFar(std::int64_t{1} << 60);
  Microseconds at{}, latest{};
  int presses = 0;
  for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    const std::size_t slot = bytes[i + 1] & 3;
    const int what = bytes[i] % 8, code = kKeys[bytes[i + 1] >> 2 & 7];
    const std::int64_t steps = static_cast<std::int8_t>(bytes[i + 2]);
    at += bytes[i + 3] == 0xff ? Microseconds(steps * (std::int64_t{1} << 40)) : std::chrono::milliseconds(steps * 4);
    at = std::clamp(at, -kFar, kFar);
    latest = std::max(latest, at);
    if (what == 7 && !there[slot]) {
      triggers.attach(slot, {0x1234, static_cast<std::uint16_t>(slot == 0 ? 0xabcd : 1)}, keys, {}, at);
      there[slot] = true;
    } else if (what == 6) {
      triggers.detach(slot, at);
      there[slot] = false;
    } else if (what == 5) {
      triggers.dropped(slot, at);
    } else {
      triggers.event({at, slot, code, bytes[i] % 3});
      if (code == KEY_PAUSE) ++presses;
    }
    for (const auto& fired : triggers.takeFired()) {
      RF_CHECK(fired.trigger != 0 || latest >= std::chrono::milliseconds(500));
      RF_CHECK(fired.trigger != 1 || presses >= 3);
      RF_CHECK(fired.trigger != 2 || (slot == 0 && code == KEY_F13));
      if (fired.trigger == 1) presses = 0;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> rest(data + 1, size - 1);
  if (data[0] % 4 == 0)
    fuzzText({reinterpret_cast<const char*>(rest.data()), rest.size()});
  else if (data[0] % 4 == 1)
    fuzzPacket(rest);
  else
    fuzzKeys(rest);
  return 0;
}
