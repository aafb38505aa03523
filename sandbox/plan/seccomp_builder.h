// Rules of a seccomp table whose conditions do not overlap unless they agree: libseccomp has no order among the rules
// of one call, so an allowing rule always carries the complement of what is refused. Internal to sandbox/plan.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/plan/seccomp_table.h"

namespace ringfence::sandbox {

class TableBuilder {
 public:
  void allow(std::string_view call, std::vector<ArgCheck> checks = {});
  void refuse(std::string_view call, int error, std::vector<ArgCheck> checks = {});
  void notify(std::string_view call, std::vector<ArgCheck> checks = {});
  void add(SeccompRule rule) { rules_.push_back(std::move(rule)); }
  std::vector<SeccompRule> take() && { return std::move(rules_); }

 private:
  std::vector<SeccompRule> rules_;
};

// The kernel takes an int argument from the low half of a register, whatever the high half holds.
ArgCheck masked(std::uint8_t index, std::uint64_t mask, std::uint64_t value);
ArgCheck low32(std::uint8_t index, std::uint64_t value);
// Everything but `values` in the low `bits` bits of an argument, as prefixes that do not overlap.
std::vector<ArgCheck> complementOf(std::uint8_t index, const std::vector<std::uint32_t>& values, int bits = 32);
// Allowed while none of `bits` is set in the argument.
void allowWithoutBits(TableBuilder& table, std::string_view call, std::uint8_t index, std::uint64_t bits);
// ioctl(2) but for these requests.
void allowRequestsBut(TableBuilder& table, const std::vector<std::uint32_t>& refused);

// The flags by which open(2) and openat(2) make a file, the one with which they open none (the kernel then ignores all
// that would), and the requests that push text into a terminal or change what is behind it.
inline constexpr std::uint64_t kOpenCreates = 0100;           // O_CREAT
inline constexpr std::uint64_t kOpenTemporary = 020'000'000;  // __O_TMPFILE
inline constexpr std::uint64_t kOpenPath = 010'000'000;       // O_PATH
std::vector<std::uint32_t> terminalRequests();

}  // namespace ringfence::sandbox
