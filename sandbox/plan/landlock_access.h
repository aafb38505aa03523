// Landlock's rights as plain numbers, from ABI 1 to 9: the headers of the build machine know fewer than the kernel that
// runs. Which ABI brought a right is in landlockRightsOf().
#pragma once

#include <cstdint>

namespace ringfence::sandbox {

enum LandlockRight : std::uint64_t {
  kLandlockExecute = 1U << 0,
  kLandlockWriteFile = 1U << 1,
  kLandlockReadFile = 1U << 2,
  kLandlockReadDir = 1U << 3,
  kLandlockRemoveDir = 1U << 4,
  kLandlockRemoveFile = 1U << 5,
  kLandlockMakeChar = 1U << 6,
  kLandlockMakeDir = 1U << 7,
  kLandlockMakeReg = 1U << 8,
  kLandlockMakeSock = 1U << 9,
  kLandlockMakeFifo = 1U << 10,
  kLandlockMakeBlock = 1U << 11,
  kLandlockMakeSym = 1U << 12,
  kLandlockRefer = 1U << 13,        // ABI 2
  kLandlockTruncate = 1U << 14,     // ABI 3
  kLandlockIoctlDev = 1U << 15,     // ABI 5
  kLandlockResolveUnix = 1U << 16,  // ABI 9
};

// The rights that mean something for a path that is no directory; the kernel refuses a rule with any other.
inline constexpr std::uint64_t kLandlockFileRights = kLandlockExecute | kLandlockWriteFile | kLandlockReadFile |
                                                     kLandlockTruncate | kLandlockIoctlDev | kLandlockResolveUnix;

inline constexpr std::uint64_t kLandlockScopeAbstractUnix = 1U << 0;  // ABI 6
inline constexpr std::uint64_t kLandlockScopeSignal = 1U << 1;        // ABI 6

// Every right on files that an ABI knows.
constexpr std::uint64_t landlockRightsOf(std::uint32_t abi) {
  std::uint64_t rights = 0;
  if (abi >= 1) rights |= (1U << 13) - 1;
  if (abi >= 2) rights |= kLandlockRefer;
  if (abi >= 3) rights |= kLandlockTruncate;
  if (abi >= 5) rights |= kLandlockIoctlDev;
  if (abi >= 9) rights |= kLandlockResolveUnix;
  return rights;
}

constexpr std::uint64_t landlockScopesOf(std::uint32_t abi) {
  return abi >= 6 ? kLandlockScopeAbstractUnix | kLandlockScopeSignal : 0;
}

}  // namespace ringfence::sandbox
