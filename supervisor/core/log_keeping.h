// Facts about the log itself. They are numbered like all others, so the core makes them; the store only keeps them.
#pragma once

#include <optional>
#include <string>

#include "supervisor/core/decide.h"

namespace ringfence::supervisor {

inline constexpr std::uint64_t kFactsPerSnapshot = 10'000;

struct SnapshotDraft {
  Fact fact;          // SnapshotTaken
  std::string state;  // encodeState of the state before it
};

// A snapshot, when the last one is kFactsPerSnapshot facts ago.
std::optional<SnapshotDraft> draftSnapshot(const State& state, const Context& context);

// The fact that takes `segment` out of the log; nothing when it is out already or the last snapshot does not cover it.
std::optional<Fact> draftRetirement(const State& state, const SegmentRetired& segment, const Context& context);

}  // namespace ringfence::supervisor
