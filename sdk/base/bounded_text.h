// Text of others made short for words of ours. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringfence {

// The beginning of `text`, of at most `most` bytes, cut between two characters where it is UTF-8. Borrows it.
std::string_view beginningOf(std::string_view text, std::size_t most);

// A name, as a message quotes it: in double quotes, escaped for display; of a long one the beginning and "…".
std::string inQuotes(std::string_view name);

}  // namespace ringfence
