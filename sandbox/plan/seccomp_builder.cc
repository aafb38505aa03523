#include "sandbox/plan/seccomp_builder.h"

#include <cerrno>
#include <string>

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kLow32 = 0xffff'ffff;

void addComplement(std::uint8_t index, const std::vector<std::uint32_t>& values, std::uint64_t prefix, int bitsLeft,
                   std::vector<ArgCheck>& out) {
  const std::uint64_t mask = kLow32 & ~((std::uint64_t{1} << bitsLeft) - 1);
  bool holdsValue = false;
  for (const std::uint32_t value : values) holdsValue |= (value & mask) == prefix;
  if (!holdsValue) {
    out.push_back(masked(index, mask, prefix));
  } else if (bitsLeft > 0) {
    addComplement(index, values, prefix, bitsLeft - 1, out);
    addComplement(index, values, prefix | (std::uint64_t{1} << (bitsLeft - 1)), bitsLeft - 1, out);
  }
}

}  // namespace

void TableBuilder::allow(std::string_view call, std::vector<ArgCheck> checks) {
  rules_.push_back({std::string(call), SeccompAction::kAllow, 0, std::move(checks)});
}
void TableBuilder::refuse(std::string_view call, int error, std::vector<ArgCheck> checks) {
  rules_.push_back({std::string(call), SeccompAction::kErrno, static_cast<std::uint16_t>(error), std::move(checks)});
}
void TableBuilder::notify(std::string_view call, std::vector<ArgCheck> checks) {
  rules_.push_back({std::string(call), SeccompAction::kNotify, 0, std::move(checks)});
}

ArgCheck masked(std::uint8_t index, std::uint64_t mask, std::uint64_t value) {
  return {index, ArgOp::kMaskedEqual, value, mask};
}
ArgCheck low32(std::uint8_t index, std::uint64_t value) { return masked(index, kLow32, value); }

std::vector<ArgCheck> complementOf(std::uint8_t index, const std::vector<std::uint32_t>& values, int bits) {
  std::vector<ArgCheck> checks;
  addComplement(index, values, 0, bits, checks);
  return checks;
}

void allowWithoutBits(TableBuilder& table, std::string_view call, std::uint8_t index, std::uint64_t bits) {
  table.allow(call, {masked(index, bits, 0)});
  for (std::uint64_t bit = 1; bit <= bits; bit <<= 1) {
    if ((bits & bit) != 0) table.refuse(call, EPERM, {masked(index, bit, bit)});
  }
}

void allowRequestsBut(TableBuilder& table, const std::vector<std::uint32_t>& refused) {
  for (const std::uint32_t request : refused) table.refuse("ioctl", EPERM, {low32(1, request)});
  for (const ArgCheck& other : complementOf(1, refused)) table.allow("ioctl", {other});
}

std::vector<std::uint32_t> terminalRequests() {
  constexpr std::uint32_t kTiocsti = 0x5412;
  constexpr std::uint32_t kTioclinux = 0x541c;
  constexpr std::uint32_t kTioccons = 0x541d;
  constexpr std::uint32_t kTiocsetd = 0x5423;
  return {kTiocsti, kTioclinux, kTioccons, kTiocsetd};
}

}  // namespace ringfence::sandbox
