#include "policy/document.h"

#include <algorithm>

#include "policy/flatten.h"
#include "sdk/base/sha256.h"

namespace ringfence::policy {

std::optional<Microseconds> endOf(const Grant& grant) { return parseRfc3339(grant.until); }

std::string documentHash(const Document& document) {
  // Length before text: no value can pretend to be two.
  std::vector<std::string> lines;
  for (const FlatValue& flat : flatten(document)) {
    lines.push_back(flat.key + " " + std::to_string(flat.value.size()) + ":" + flat.value);
  }
  std::ranges::sort(lines);
  std::string canonical =
      "ringfence policy 1\nname " + std::to_string(document.name.size()) + ":" + document.name + "\n";
  for (const std::string& line : lines) canonical += line + "\n";
  return sha256Hex(canonical);
}

}  // namespace ringfence::policy
