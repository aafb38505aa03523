#include "supervisor/core/lookup.h"

#include <utility>

#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

Error noSuchRun(std::string_view text) {
  return {ErrorCode::kNotFound, "no run " + escapeForDisplay(text) + " that you may see; `ringfence ps -a` lists them",
          0};
}

Error ambiguous(std::string_view name, const std::vector<const Run*>& runs) {
  std::string ids;
  for (const Run* run : runs) ids += (ids.empty() ? "" : ", ") + run->id.text();
  return {ErrorCode::kInvalid,
          std::to_string(runs.size()) + " live runs are named " + escapeForDisplay(name) + ": " + ids +
              "; say which by its id",
          0};
}

}  // namespace

const Run* findKnown(const State& state, const RunId& id) {
  const auto found = state.runs.find(id);
  return found == state.runs.end() ? nullptr : &found->second;
}

Run* findKnown(State& state, const RunId& id) { return const_cast<Run*>(findKnown(std::as_const(state), id)); }

const Run* findLive(const State& state, const RunId& id) {
  const Run* run = findKnown(state, id);
  return run != nullptr && isLive(*run) ? run : nullptr;
}

Run* findLive(State& state, const RunId& id) { return const_cast<Run*>(findLive(std::as_const(state), id)); }

bool maySee(const Peer& peer, std::uint32_t ownerUid) {
  return peer.uid == ownerUid || peer.uid == 0 || peer.admin || peer.viewer;
}

bool mayControl(const Peer& peer, std::uint32_t ownerUid) {
  return peer.uid == ownerUid || peer.uid == 0 || peer.admin;
}

std::string describe(const Run& run) {
  if (run.what.name.empty()) return run.id.text();
  return run.id.text() + " (" + escapeForDisplay(run.what.name) + ")";
}

Result<const Run*> findRun(const State& state, const Peer& peer, const RunId& id) {
  const Run* run = findKnown(state, id);
  if (run == nullptr || !maySee(peer, run->what.callerUid)) return noSuchRun(id.text());
  return run;
}

Result<const Run*> findControllable(const State& state, const Peer& peer, const RunId& id) {
  const Run* run = RF_TRY(findRun(state, peer, id));
  if (!mayControl(peer, run->what.callerUid)) {
    return Error{ErrorCode::kDenied,
                 "run " + describe(*run) + " belongs to uid " + std::to_string(run->what.callerUid) +
                     "; only its owner, root or a member of ringfence-admin may do that",
                 0};
  }
  return run;
}

Result<const Run*> findRun(const State& state, const Peer& peer, std::string_view text) {
  if (text.empty()) return Error{ErrorCode::kInvalid, "which run? give its id or its name", 0};
  if (const auto id = RunId::parse(text)) return findRun(state, peer, *id);
  std::vector<const Run*> live;
  const Run* lastEnded = nullptr;
  for (const auto& [id, run] : state.runs) {
    if (run.what.name != text || !maySee(peer, run.what.callerUid)) continue;
    if (isLive(run)) {
      live.push_back(&run);
    } else if (lastEnded == nullptr || run.admittedSeq > lastEnded->admittedSeq) {
      lastEnded = &run;
    }
  }
  if (live.size() > 1) return ambiguous(text, live);
  if (live.size() == 1) return live.front();
  if (lastEnded != nullptr) return lastEnded;
  return noSuchRun(text);
}

}  // namespace ringfence::supervisor
