// Processors as the kernel lists them: "0-3,8". Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::sandbox {

// Ascending, each once. Absent: that is no such list, or names more than any machine has.
std::optional<std::vector<unsigned>> parseProcessors(std::string_view list);
std::string formatProcessors(const std::vector<unsigned>& processors);

// Those that are left when so many are kept for others: whole cores from the lowest on, as far as the count goes, for
// two threads of one core slow each other down. `coreOf` says which core a processor belongs to; one that is not in it
// is a core of its own. At least one is left.
std::vector<unsigned> processorsLeft(const std::vector<unsigned>& all, std::size_t kept,
                                     const std::map<unsigned, unsigned>& coreOf);

}  // namespace ringfence::sandbox
