// Whose run it is: the account of a caller, and an id for a run that has one of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/plan/make_plan.h"
#include "sdk/base/result.h"
#include "supervisor/api/server.h"
#include "supervisor/config.h"
#include "supervisor/core/state.h"
#include "supervisor/name_service.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxGroupsOfCaller = 1024;

struct AccountSource {
  NameService& names;
  Microseconds now;  // boottime
};

// The caller's, as the kernel knew it at connect, with what the account database says of it; or (root alone) that of
// the user `asUser`. A caller that the database does not have has no home. Of the groups only those in `groups` are
// named, as looking each of a caller's up would take time for nothing. Fails as NameService does.
Result<sandbox::CallerAccount> accountFor(const std::string& asUser, const api::PeerIdentity& caller,
                                          const std::vector<std::string>& groups, const AccountSource& source);

// An id of the range that no live run has; nullopt: all are in use. Pure.
std::optional<std::uint32_t> unusedUid(const UidRange& range, const State& state);

// The id that the kernel charges for a run as its caller: of the range, and another for nearly every run. Pure.
std::uint32_t accountUid(const UidRange& range, const RunId& run);

// The id of the egress of a run that is about to start with `ownUid`: of the range, neither had by a live run or
// charged for one, nor by or for this one. Nullopt: the range is too small. Pure.
std::optional<std::uint32_t> egressUid(const UidRange& range, const State& state, const RunId& run,
                                       std::uint32_t ownUid);

}  // namespace ringfence::supervisor
