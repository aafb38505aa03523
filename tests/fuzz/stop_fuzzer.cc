// Whatever is in the latch, only what was written as released is released; whatever is asked, words are printable and
// bounded.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "sdk/base/error.h"
#include "supervisor/stop/json_text.h"
#include "supervisor/stop/latch.h"
#include "supervisor/stop/peers.h"
#include "supervisor/stop/request.h"

namespace stop = ringfence::supervisor::stop;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto latch = stop::decodeLatch({data, size});
  const stop::LatchSector released = stop::encodeReleased();
  RF_CHECK(latch.isLatched() != std::equal(data, data + size, released.begin(), released.end()));
  if (latch.state == stop::LatchState::kLatched) RF_CHECK(latch.stop.trigger.view().size() <= stop::kMaxTriggerText);

  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const stop::Request request = stop::parseRequest(text);
  const stop::TriggerText trigger = stop::triggerOf(request);
  RF_CHECK(std::ranges::all_of(trigger.view(), [](char letter) { return letter >= ' ' && letter <= '~'; }));
  RF_CHECK(request.patience >= ringfence::Microseconds(0));
  static stop::JsonText json;
  json.clear().value(text);
  RF_CHECK(std::ranges::all_of(json.text(), [](char letter) { return letter >= ' ' && letter <= '~'; }));
  if (const auto group = stop::groupIn(text, "ringfence-admin"))
    RF_CHECK(text.find("ringfence-admin:") != text.npos && *group <= UINT32_MAX);
  return 0;
}
