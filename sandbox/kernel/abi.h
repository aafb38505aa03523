// Numbers and layouts of the kernel's interface that the headers of older distributions lack. Written from the kernel's
// own documentation; a value here is only ever used after the kernel was asked whether it knows it.
#pragma once

#include <cstdint>

namespace ringfence::sandbox::abi {

// ---- Landlock; its rights are in sandbox/plan/landlock_access.h -----------------------------------------------------

inline constexpr long kLandlockCreateRuleset = 444;  // the same number on every architecture
inline constexpr long kLandlockAddRule = 445;
inline constexpr long kLandlockRestrictSelf = 446;
inline constexpr int kLandlockRulePathBeneath = 1;

struct LandlockRulesetAttr {
  std::uint64_t handledAccessFs;
  std::uint64_t handledAccessNet;  // ABI 4
  std::uint64_t scoped;            // ABI 6
};

struct [[gnu::packed]] LandlockPathBeneathAttr {
  std::uint64_t allowedAccess;
  std::int32_t parentFd;
};

// ---- others ---------------------------------------------------------------------------------------------------------

inline constexpr std::uint64_t kMountAttrReadOnly = 0x1;
inline constexpr std::uint64_t kMountAttrNoSuid = 0x2;
inline constexpr std::uint64_t kMountAttrNoDev = 0x4;
inline constexpr std::uint64_t kMountAttrNoExec = 0x8;
inline constexpr std::uint64_t kMountAttrIdmap = 0x00100000;

inline constexpr unsigned kPtraceSeccompGetFilter = 0x420c;

inline constexpr unsigned kSeccompNewListener = 1U << 3;
inline constexpr unsigned kSeccompWaitKillable = 1U << 5;
inline constexpr unsigned long kSeccompSetFlags = 0x40082104;  // SECCOMP_IOCTL_NOTIF_SET_FLAGS
inline constexpr unsigned long kSeccompSyncWakeUp = 1UL << 0;

}  // namespace ringfence::sandbox::abi
