// Any bytes are refused or are the one encoding of the message that they decode to, whether or not the table of a plan
// is known.
#include <cstdint>

#include "sandbox/wire/codec.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/error.h"

namespace sandbox = ringfence::sandbox;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  if (const auto request = sandbox::decodeRequest(packet)) {
    RF_CHECK(sandbox::encodeBounded(*request).value() == packet);
    sandbox::KnownTable known;
    for (int i = 0; i < 2; ++i) {
      RF_CHECK(sandbox::encode(sandbox::decodeRequest(packet, &known).value(), &known) == packet);
    }
  }
  if (const auto event = sandbox::decodeEvent(packet)) { RF_CHECK(sandbox::encodeBounded(*event).value() == packet); }
  if (const auto event = sandbox::decodeGuardEvent(packet)) RF_CHECK(sandbox::encodeBounded(*event).value() == packet);
  if (const auto order = sandbox::decodeGuardOrder(packet)) RF_CHECK(sandbox::encodeBounded(*order).value() == packet);
  return 0;
}
