// Rules for networks in tests, in short.
#pragma once

#include <optional>
#include <string>

#include "policy/document.h"

namespace ringfence::test {

inline policy::HostRule host(const std::string& name, std::optional<std::uint16_t> port = std::nullopt) {
  policy::HostRule rule;
  rule.host = name;
  rule.port = port;
  rule.origin = {"/policy.toml", 7, ""};
  return rule;
}

inline policy::Network allowing(const std::vector<policy::HostRule>& hosts) {
  policy::Network network;
  network.allow = hosts;
  return network;
}

inline std::string connectTo(const std::string& authority) {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
}
inline std::string socksTo(const std::string& name, int port) {
  return std::string("\x05\x01\x00\x05\x01\x00\x03", 7) + static_cast<char>(name.size()) + name +
         static_cast<char>(port >> 8) + static_cast<char>(port & 255);
}

}  // namespace ringfence::test
