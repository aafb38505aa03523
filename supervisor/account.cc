#include "supervisor/account.h"

#include <algorithm>
#include <set>

#include "sdk/base/sha256.h"
#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

sandbox::CallerAccount accountOf(const UserEntry& entry) {
  sandbox::CallerAccount account;
  account.uid = entry.uid;
  account.gid = entry.gid;
  account.name = entry.name;
  account.home = entry.home.starts_with('/') ? entry.home : "/nonexistent";
  if (entry.shell.starts_with('/')) account.shell = entry.shell;
  return account;
}

// The peer's own groups as the kernel knew them at connect.
Result<sandbox::CallerAccount> callerAccount(const api::PeerIdentity& caller, const AccountSource& source) {
  sandbox::CallerAccount account;
  if (const auto entry = RF_TRY(source.names.user(caller.peer.uid, source.now))) {
    account = accountOf(*entry);
  } else {
    // A user that only the kernel knows: has no home, so nothing of "~" can be granted.
    account.uid = caller.peer.uid;
    account.name = "uid" + std::to_string(caller.peer.uid);
    account.home = "/nonexistent";
  }
  account.gid = caller.gid;
  account.groups = caller.groups;
  return account;
}

// Another user's, for root: as that user's login would have them.
Result<sandbox::CallerAccount> namedAccount(const std::string& name, const AccountSource& source) {
  const auto entry = RF_TRY(source.names.user(name, source.now));
  if (!entry) return Error{ErrorCode::kNotFound, "there is no user " + escapeForDisplay(name)};
  sandbox::CallerAccount account = accountOf(*entry);
  account.groups = RF_TRY(source.names.groupsOf(name, source.now));
  if (std::ranges::find(account.groups, account.gid) == account.groups.end())
    account.groups.insert(account.groups.begin(), account.gid);
  return account;
}

std::uint32_t idOf(const UidRange& range, const std::string& text) {
  std::uint64_t number = 0;
  for (const char digit : sha256Hex(text).substr(0, 8)) {
    number = number * 16 + static_cast<std::uint64_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  return static_cast<std::uint32_t>(range.first + number % (std::uint64_t{range.last} - range.first + 1));
}

}  // namespace

Result<sandbox::CallerAccount> accountFor(const std::string& asUser, const api::PeerIdentity& caller,
                                          const std::vector<std::string>& groups, const AccountSource& source) {
  if (!asUser.empty() && caller.peer.uid != 0) return Error{ErrorCode::kDenied, "only root may run as another user"};
  sandbox::CallerAccount account =
      RF_TRY(asUser.empty() ? callerAccount(caller, source) : namedAccount(asUser, source));
  if (account.groups.size() > kMaxGroupsOfCaller)
    return Error{ErrorCode::kUnsupported, account.name + " is in more than 1024 groups"};
  account.groupIds = RF_TRY(source.names.groupIds(groups, account.groups, caller.peer.uid, source.now));
  return account;
}

std::uint32_t accountUid(const UidRange& range, const RunId& run) { return idOf(range, run.text()); }

std::optional<std::uint32_t> egressUid(const UidRange& range, const State& state, const RunId& run,
                                       std::uint32_t ownUid) {
  std::set<std::uint32_t> used{ownUid, accountUid(range, run)};
  for (const auto& [id, other] : state.runs) {
    if (!isLive(other)) continue;
    used.insert(other.what.uid);
    used.insert(accountUid(range, id));
  }
  const std::uint64_t count = std::uint64_t{range.last} - range.first + 1;
  const std::uint64_t start = idOf(range, "egress " + run.text()) - range.first;
  for (std::uint64_t i = 0; i < count && i <= used.size(); ++i) {
    const auto uid = static_cast<std::uint32_t>(range.first + (start + i) % count);
    if (!used.contains(uid)) return uid;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> unusedUid(const UidRange& range, const State& state) {
  std::set<std::uint32_t> used;
  // The last one that was given is the start: an id is reused as late as possible.
  std::uint32_t start = range.first;
  std::uint64_t latest = 0;
  for (const auto& [id, run] : state.runs) {
    if (run.what.uid < range.first || run.what.uid > range.last) continue;
    if (isLive(run)) used.insert(run.what.uid);
    if (run.admittedSeq > latest) {
      latest = run.admittedSeq;
      start = run.what.uid == range.last ? range.first : run.what.uid + 1;
    }
  }
  const std::uint64_t count = std::uint64_t{range.last} - range.first + 1;
  for (std::uint64_t i = 0; i < count && i <= used.size(); ++i) {
    const auto uid = static_cast<std::uint32_t>(range.first + (start - range.first + i) % count);
    if (!used.contains(uid)) return uid;
  }
  return std::nullopt;
}

}  // namespace ringfence::supervisor
