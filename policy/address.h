// IP addresses and ranges as values; IPv4 within IPv6 is IPv4. Pure: nothing is resolved.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringfence::policy {

class Address {
 public:
  // Four decimal numbers, or IPv6 in hexadecimal, with or without brackets. No shortened, octal or scoped forms.
  static std::optional<Address> parse(std::string_view text);

  std::string text() const;
  bool isV4() const { return v4_; }
  // Private, loopback, link-local, multicast, unspecified, carrier-grade, and whatever carries an IPv4 address within
  // IPv6 (NAT64, 6to4, Teredo, compatible): nothing on the public network.
  bool isSpecial() const;
  bool operator==(const Address&) const = default;

 private:
  friend class AddressRange;
  bool v4_ = false;
  std::array<std::uint8_t, 16> bytes_{};  // IPv4 in the first four
};

class AddressRange {
 public:
  // "169.254.0.0/16"; bits beyond the prefix must be zero.
  static std::optional<AddressRange> parse(std::string_view text);
  bool contains(const Address& address) const;

 private:
  Address base_;
  unsigned prefix_ = 0;
};

}  // namespace ringfence::policy
