// How many columns of a terminal a text takes: CJK characters take two, combining marks none. Does not depend on the
// locale of the process. Pure.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::top {

// Untrusted bytes as one line for a screen: escaped, without characters of unknown width, and with no more marks on a
// letter than letters have, so that nothing is written over or above its place.
std::string shownText(std::string_view untrusted);
// The same of a text that is escaped already.
std::string presentable(std::string_view escaped);

// The following take what those gave, or text of ours.
std::size_t widthOf(std::string_view text);
// Not wider than `columns`; what was cut off shows as "…".
std::string fitted(std::string_view text, std::size_t columns);
// Exactly that wide.
std::string leftAligned(std::string_view text, std::size_t columns);
std::string rightAligned(std::string_view text, std::size_t columns);
// For a terminal that shows no UTF-8: a '?' for each column of what is not ASCII.
std::string asciiOnly(std::string_view text);

}  // namespace ringfence::top
