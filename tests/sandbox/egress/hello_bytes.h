// A TLS ClientHello of a test's own making.
#pragma once

#include <string>

namespace ringfence::test {

inline std::string bytes16(std::size_t number) {
  return {static_cast<char>(number >> 8 & 0xff), static_cast<char>(number & 0xff)};
}

// With `name` as its server name (empty: none) and the bytes of `more` extensions.
inline std::string helloBytes(const std::string& name, const std::string& more = "") {
  std::string extensions = more;
  if (!name.empty()) {
    const std::string entry = std::string(1, '\0') + bytes16(name.size()) + name;
    extensions = bytes16(0) + bytes16(entry.size() + 2) + bytes16(entry.size()) + entry + more;
  }
  std::string body = "\x03\x03" + std::string(32, 'r') + std::string(1, '\0') + bytes16(2) + "\x13\x01" + "\x01" +
                     std::string(1, '\0') + bytes16(extensions.size()) + extensions;
  const std::string handshake = std::string("\x01") + std::string(1, '\0') + bytes16(body.size()) + body;
  return std::string("\x16\x03\x01") + bytes16(handshake.size()) + handshake;
}

}  // namespace ringfence::test
