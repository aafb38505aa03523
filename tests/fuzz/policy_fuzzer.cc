// Any text is a policy, or is refused with at least one diagnostic that can be shown.
#include <cstdint>
#include <string>
#include <variant>

#include "policy/load.h"
#include "sdk/base/error.h"

namespace policy = ringfence::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  policy::Sources sources;
  sources.shipped.push_back({"base.toml", "schema = 1\nname = \"base\"\n"});
  sources.file = policy::SourceText{"fuzz.toml", std::string(reinterpret_cast<const char*>(data), size)};
  const auto loaded = policy::load(sources, "fuzz");
  if (const auto* refused = std::get_if<std::vector<policy::Diagnostic>>(&loaded)) {
    RF_CHECK(!refused->empty());
    RF_CHECK(!policy::renderText(*refused).empty() && !policy::renderJson(*refused).empty());
  }
  return 0;
}
