#include "policy/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <vector>

#include "sdk/base/whole_number.h"

namespace ringfence::policy {
namespace {

constexpr std::uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']') && text.size() > 2) text = text.substr(1, text.size() - 2);
  if (text.size() > INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1) {
    address.v4_ = true;
    return address;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) != 1) return std::nullopt;
  if (std::equal(std::begin(kMappedPrefix), std::end(kMappedPrefix), address.bytes_.begin())) {
    std::copy(address.bytes_.begin() + 12, address.bytes_.end(), address.bytes_.begin());
    std::fill(address.bytes_.begin() + 4, address.bytes_.end(), std::uint8_t{0});
    address.v4_ = true;
  }
  return address;
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN];
  const char* shown = inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
  return shown == nullptr ? std::string() : shown;
}

bool Address::isSpecial() const {
  static const std::vector<AddressRange> kSpecial = [] {
    std::vector<AddressRange> ranges;
    for (const char* text : {"0.0.0.0/8",     "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",   "169.254.0.0/16",
                             "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
                             "::/96",         "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",      "2001::/32",
                             "2002::/16",     "fc00::/7",     "fe80::/10",      "fec0::/10",     "ff00::/8"}) {
      if (const auto range = AddressRange::parse(text)) ranges.push_back(*range);
    }
    return ranges;
  }();
  return std::ranges::any_of(kSpecial, [&](const AddressRange& range) { return range.contains(*this); });
}

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto base = Address::parse(text.substr(0, slash));
  AddressRange range;
  const auto prefix = wholeNumber<unsigned>(text.substr(slash + 1));
  if (!base || !prefix || *prefix > (base->isV4() ? 32U : 128U)) return std::nullopt;
  range.prefix_ = *prefix;
  range.base_ = *base;
  for (unsigned bit = range.prefix_; bit < (base->isV4() ? 32U : 128U); ++bit) {
    if ((base->bytes_[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return range;
}

bool AddressRange::contains(const Address& address) const {
  if (address.isV4() != base_.isV4()) return false;
  for (unsigned bit = 0; bit < prefix_; ++bit) {
    const unsigned shift = 7 - bit % 8;
    if ((address.bytes_[bit / 8] >> shift & 1) != (base_.bytes_[bit / 8] >> shift & 1)) return false;
  }
  return true;
}

}  // namespace ringfence::policy
