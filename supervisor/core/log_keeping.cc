#include "supervisor/core/log_keeping.h"

#include "sdk/base/sha256.h"

namespace ringfence::supervisor {
namespace {

Fact nextFact(const State& state, const Context& context, FactBody body) {
  return {.seq = state.lastSeq + 1, .run = {}, .at = context.now, .bootId = context.bootId, .body = std::move(body)};
}

}  // namespace

std::optional<SnapshotDraft> draftSnapshot(const State& state, const Context& context) {
  if (state.lastSeq < state.snapshotSeq + kFactsPerSnapshot) return std::nullopt;
  SnapshotDraft draft;
  draft.state = encodeState(state);
  draft.fact = nextFact(state, context, SnapshotTaken{state.lastSeq, sha256Hex(draft.state)});
  return draft;
}

std::optional<Fact> draftRetirement(const State& state, const SegmentRetired& segment, const Context& context) {
  if (segment.upToSeq <= state.retiredSeq || segment.upToSeq > state.snapshotSeq) return std::nullopt;
  return nextFact(state, context, segment);
}

}  // namespace ringfence::supervisor
