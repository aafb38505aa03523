// Whose run it is: the account of a caller, and an id for a run that has one of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sandbox/plan/make_plan.h"
#include "sdk/base/result.h"
#include "supervisor/api/server.h"
#include "supervisor/config.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxGroupsOfCaller = 1024;

// The caller's, as the kernel knew it at connect, with what the account database says of it; or (root alone) that of
// the user `asUser`. A caller that the database does not have has no home. Asks the name service, which may take its
// time.
Result<sandbox::CallerAccount> accountFor(const std::string& asUser, const api::PeerIdentity& caller);

// An id of the range that no live run has; nullopt: all are in use. Pure.
std::optional<std::uint32_t> unusedUid(const UidRange& range, const State& state);

// The id that the kernel charges for a run as its caller: of the range, and another for nearly every run. Pure.
std::uint32_t accountUid(const UidRange& range, const RunId& run);

}  // namespace ringfence::supervisor
