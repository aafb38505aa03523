// Whatever is in the file of a checkpoint: it is refused, or read to the letter and written as it was; nothing is read
// beyond it.
#include <cstdint>
#include <string>
#include <string_view>

#include "sdk/agent/checkpoint_text.h"
#include "sdk/agent/digest.h"
#include "sdk/base/error.h"

using namespace ringfence;
using namespace ringfence::agent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  (void)checkpointIn(bytes);
  (void)jsonDepth(bytes);
  // As a body whose digest is right, which chance would never find.
  const auto content =
      checkpointIn("{\"ringfence_checkpoint\": 1, \"sha256\": \"" + digestHex(bytes) + "\"}\n" + bytes);
  if (!content) return 0;
  const auto again = checkpointIn(checkpointText(*content));
  RF_CHECK(again && again->data == content->data && again->steps.size() == content->steps.size());
  for (std::size_t i = 0; i < content->steps.size(); ++i)
    RF_CHECK(again->steps[i].key == content->steps[i].key && again->steps[i].value == content->steps[i].value);
  RF_CHECK(restoredIn(content->data).has_value());
  return 0;
}
