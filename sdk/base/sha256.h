// SHA-256 of bytes, as 32 raw bytes or 64 hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace ringfence {

std::string sha256(std::string_view bytes);
std::string sha256Hex(std::string_view bytes);

}  // namespace ringfence
