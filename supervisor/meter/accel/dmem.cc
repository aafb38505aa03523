#include "supervisor/meter/accel/dmem.h"

#include "sdk/base/io.h"
#include "supervisor/meter/accel/text.h"

namespace ringfence::supervisor {
DmemBytes parseDmem(std::string_view content) {
  DmemBytes regions;
  while (!content.empty() && regions.size() < kMaxDmemRegions) {
    std::string_view count = text::takeUntil(content, '\n');
    std::string_view name = text::takeUntil(count, ' ');
    const auto bytes = text::number<std::uint64_t>(text::trimmed(count));
    const std::size_t last = name.rfind('/');
    if (!bytes || last == std::string_view::npos || last == 0 || last + 1 == name.size()) continue;
    const std::string_view owner = name.substr(0, last);  // "drm/0000:03:00.0"
    const std::size_t first = owner.rfind('/');
    const std::string_view device = first == std::string_view::npos ? owner : owner.substr(first + 1);
    regions[{std::string(device), std::string(name.substr(last + 1))}] = *bytes;
  }
  return regions;
}

std::optional<DmemBytes> readDmemCurrent(int groupDirectory) {
  const auto text = readFileAt(groupDirectory, "dmem.current", kibibytes(64));
  if (!text) return std::nullopt;
  return parseDmem(*text);
}

}  // namespace ringfence::supervisor
