// The kinds of accelerators that a policy gives shares of.
#pragma once

#include <array>
#include <optional>

#include "supervisor/core/fact.h"

namespace ringfence::supervisor {

enum class AcceleratorKind { kNpu, kGpu };
inline constexpr std::array kAcceleratorKinds{AcceleratorKind::kNpu, AcceleratorKind::kGpu};

constexpr const char* nameOf(AcceleratorKind kind) { return kind == AcceleratorKind::kGpu ? "GPU" : "NPU"; }
// The key of the policy.
constexpr const char* keyOf(AcceleratorKind kind) {
  return kind == AcceleratorKind::kGpu ? "limits.gpu" : "limits.npu";
}
// Absent: it has none. Lives as long as `terms`.
inline const std::optional<AcceleratorShare>& shareOf(const RunTerms& terms, AcceleratorKind kind) {
  return kind == AcceleratorKind::kGpu ? terms.gpu : terms.npu;
}

}  // namespace ringfence::supervisor
