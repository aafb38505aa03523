// Files of /proc, whose mount points and names a run may choose: read or refused, and a mount that the plan lacks is
// never "no difference". The first byte says which file the rest is.
#include <cstdint>
#include <string_view>

#include "sandbox/kernel/masks.h"
#include "sandbox/kernel/posture.h"
#include "sandbox/kernel/procfs.h"
#include "sdk/base/error.h"

using namespace ringfence::sandbox;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      (void)parseStatus(text).has_value();
      (void)parseThreadStatus(text).has_value();
      break;
    case 1: {
      // An empty plan wants the root alone.
      const auto entries = parseMountInfo(text);
      const bool asPlanned = compareMounts(Plan{}, text).empty();
      if (!entries) RF_CHECK(!asPlanned);
      if (entries && asPlanned) {
        for (const auto& entry : *entries) RF_CHECK(entry.mountPoint == "/" && entry.tags.empty());
      }
      break;
    }
    case 2: (void)parseCgroups(text).has_value(); break;
    case 3: (void)parseInterfaces(text).size(); break;
    default: {
      const std::size_t half = text.size() / 2;
      (void)matchesGlob(text.substr(0, half), text.substr(half));
    }
  }
  return 0;
}
