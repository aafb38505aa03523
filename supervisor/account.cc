#include "supervisor/account.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <set>

#include "sdk/base/sha256.h"
#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

sandbox::CallerAccount accountOf(const passwd& entry) {
  sandbox::CallerAccount account;
  account.uid = entry.pw_uid;
  account.gid = entry.pw_gid;
  account.name = entry.pw_name;
  account.home = entry.pw_dir != nullptr && entry.pw_dir[0] == '/' ? entry.pw_dir : "/nonexistent";
  if (entry.pw_shell != nullptr && entry.pw_shell[0] == '/') account.shell = entry.pw_shell;
  return account;
}

void nameGroups(sandbox::CallerAccount& account) {
  for (const std::uint32_t id : account.groups) {
    if (const group* found = ::getgrgid(id); found != nullptr) account.groupIds[found->gr_name] = id;
  }
}

// The peer's own groups as the kernel knew them at connect.
Result<sandbox::CallerAccount> callerAccount(const api::PeerIdentity& caller) {
  sandbox::CallerAccount account;
  errno = 0;
  if (const passwd* entry = ::getpwuid(caller.peer.uid); entry != nullptr) {
    account = accountOf(*entry);
  } else {
    // A user that only the kernel knows: has no home, so nothing of "~" can be granted.
    account.uid = caller.peer.uid;
    account.name = "uid" + std::to_string(caller.peer.uid);
    account.home = "/nonexistent";
  }
  account.gid = caller.gid;
  if (caller.groups.size() > kMaxGroupsOfCaller)
    return Error{ErrorCode::kUnsupported, "the caller is in more than 1024 groups"};
  account.groups = caller.groups;
  nameGroups(account);
  return account;
}

// Another user's, for root: as that user's login would have them.
Result<sandbox::CallerAccount> namedAccount(const std::string& name) {
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return Error{ErrorCode::kNotFound, "there is no user " + escapeForDisplay(name)};
  sandbox::CallerAccount account = accountOf(*entry);
  int count = static_cast<int>(kMaxGroupsOfCaller);
  account.groups.resize(kMaxGroupsOfCaller);
  if (::getgrouplist(name.c_str(), account.gid, account.groups.data(), &count) < 0)
    return Error{ErrorCode::kUnsupported, name + " is in more than 1024 groups"};
  account.groups.resize(static_cast<std::size_t>(count));
  nameGroups(account);
  return account;
}

}  // namespace

Result<sandbox::CallerAccount> accountFor(const std::string& asUser, const api::PeerIdentity& caller) {
  if (asUser.empty()) return callerAccount(caller);
  if (caller.peer.uid != 0) return Error{ErrorCode::kDenied, "only root may run as another user"};
  return namedAccount(asUser);
}

std::uint32_t accountUid(const UidRange& range, const RunId& run) {
  std::uint64_t number = 0;
  for (const char digit : sha256Hex(run.text()).substr(0, 8)) {
    number = number * 16 + static_cast<std::uint64_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  return static_cast<std::uint32_t>(range.first + number % (std::uint64_t{range.last} - range.first + 1));
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
