// Something to do in the world. The performer obeys; it decides nothing.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sdk/base/compiled_once.h"
#include "supervisor/core/command.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// With a Launch the performer sends the descriptors kept for that run.
struct SendToLauncher {
  sandbox::LauncherRequest request;
};
// kRun: with all who act for it. kAgent: its guards go on, so that its connections live. Thawing undoes both.
enum class Extent { kRun, kAgent };
struct FreezeGroup {
  RunId run;
  policy::PriorityClass priority{};
  bool frozen = true;
  Extent extent = Extent::kRun;
};
// Asks the kernel to take back that much of its memory; it takes what it can.
struct ReclaimMemory {
  RunId run;
  policy::PriorityClass priority{};
  std::uint64_t bytes = 0;
};
struct LimitWrites {
  RunId run;
  policy::PriorityClass priority{};
  std::optional<std::uint64_t> bytesPerSec;  // absent: as its policy says
};
// So many processors are kept from the background branch; 0: none.
struct KeepProcessors {
  std::uint32_t processors = 0;
};
// A line in what its agent can read about denials, where it has such a file.
struct TellAgent {
  RunId run;
  std::string limit;  // below "limits." in the policy
  std::string place;  // where that is written; empty: nowhere
  std::string say;
};
struct KillGroup {
  RunId run;
  policy::PriorityClass priority{};
};
// Ends its egress, and with it every connection that it has; another one takes its place.
struct CutConnections {
  RunId run;
  policy::PriorityClass priority{};
};
// ringfence-stop is to open its latch: every run held by itself, then the branches let go.
struct ReleaseLatch {};
// Kills what is left of it, then removes it from every hierarchy.
struct RemoveGroup {
  RunId run;
  policy::PriorityClass priority{};
};
// CLOCK_BOOTTIME; one a run, a later one replaces it.
struct ArmTimer {
  RunId run;
  Milliseconds after{};
};
// Nobody finds it any more; what is in it goes in its own time.
struct RemoveHome {
  std::uint32_t uid = 0;
  std::string directory;
};
// That fact may be shown to those who may see it.
struct Publish {
  std::uint64_t seq = 0;
};

// To a guard that is not there: it asks again when it is.
struct TellGuard {
  RunId run;
  sandbox::GuardKind guard{};
  sandbox::GuardOrder order;
};
// Its rules are other ones now, by a grant that came or went.
struct SendRules {
  RunId run;
};
// What the guard's ring holds up to that byte is recorded.
struct SettleRing {
  RunId run;
  sandbox::GuardKind guard{};
  std::uint64_t upTo = 0;
};

using EffectBody = CompiledOnce<std::variant<SendToLauncher, FreezeGroup, KillGroup, RemoveGroup, ArmTimer, Publish,
                                             TellGuard, SendRules, SettleRing, ReclaimMemory, LimitWrites, TellAgent,
                                             CutConnections, ReleaseLatch, RemoveHome, KeepProcessors>>;

struct Effect {
  // The fact that must be durable first; 0: perform at once (freezing and killing wait for no disk).
  std::uint64_t afterSeq = 0;
  EffectBody body;
};

}  // namespace ringfence::supervisor
