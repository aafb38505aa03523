// SHA-256 for what an agent keeps. Not sdk/base/sha256.h: that one needs a library, and whoever links this one links
// nothing else.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::agent {

// Of the bytes, as 64 hexadecimal digits. Pure.
std::string digestHex(std::string_view bytes);

}  // namespace ringfence::agent
