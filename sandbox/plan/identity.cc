#include "sandbox/plan/identity.h"

#include <algorithm>

#include "sandbox/plan/grants.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kNobody = 65534;
constexpr std::size_t kHostnameLimit = 63;

bool fitsPasswd(const std::string& field) {
  return std::none_of(field.begin(), field.end(),
                      [](char c) { return c == ':' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string passwdLine(const std::string& name, std::uint32_t uid, std::uint32_t gid, const std::string& home,
                       const std::string& shell) {
  return name + ":x:" + std::to_string(uid) + ":" + std::to_string(gid) + "::" + home + ":" + shell + "\n";
}

std::string groupLine(const std::string& name, std::uint32_t gid, const std::string& member) {
  return name + ":x:" + std::to_string(gid) + ":" + member + "\n";
}

std::string groupFile(const Identity& identity, const LaunchRequest& request) {
  const std::string& user = request.caller.name;
  std::string text = groupLine(user, identity.gid, "");
  for (const auto& [name, gid] : request.caller.groupIds) {
    const bool kept = std::find(identity.groups.begin(), identity.groups.end(), gid) != identity.groups.end();
    if (kept && gid != identity.gid && fitsPasswd(name)) text += groupLine(name, gid, user);
  }
  if (user != "root" && identity.gid != 0) text += groupLine("root", 0, "");
  // The gid of a terminal.
  if (user != "tty") text += groupLine("tty", 5, "");
  if (user != "nogroup") text += groupLine("nogroup", kNobody, "");
  return text;
}

}  // namespace

bool usesOwnIdentity(const policy::Document& document, const LaunchRequest& request) {
  return document.identity == policy::IdentityKind::kOwn || request.caller.uid == 0;
}

Result<Identity> makeIdentity(const policy::Document& document, const LaunchRequest& request) {
  const CallerAccount& caller = request.caller;
  if (caller.name.empty() || caller.name.find('/') != std::string::npos || !fitsPasswd(caller.name) ||
      !fitsPasswd(caller.home) || !fitsPasswd(caller.shell)) {
    return Error{ErrorCode::kInvalid, "the account of the caller (uid " + std::to_string(caller.uid) +
                                          ") has no name, home or shell that a passwd file can hold"};
  }
  Identity identity{.uid = caller.uid,
                    .gid = caller.gid,
                    .groups = {},
                    .callerUid = caller.uid,
                    .callerGid = caller.gid,
                    .callerGroups = caller.groups,
                    .accountUid = request.accountUid};
  if (usesOwnIdentity(document, request)) {
    if (request.ownUid == 0 || request.ownUid == caller.uid) {
      return Error{ErrorCode::kInvalid,
                   "no unused id is left for a run with an identity of its own; widen --uid-range"};
    }
    identity.uid = request.ownUid;
    identity.gid = request.ownUid;
    identity.accountUid = request.ownUid;
  }
  for (const std::string& name : document.groups) {
    const auto known = caller.groupIds.find(name);
    // A group that the caller is not in cannot be kept; group 0 is root's.
    if (known == caller.groupIds.end() || known->second == 0) continue;
    const auto& groups = caller.groups;
    if (std::find(groups.begin(), groups.end(), known->second) != groups.end())
      identity.groups.push_back(known->second);
  }
  std::sort(identity.groups.begin(), identity.groups.end());
  return identity;
}

std::vector<MakeFile> identityFiles(const Identity& identity, const LaunchRequest& request, const std::string& shell,
                                    const std::string& hostname, const Guards& guards) {
  const std::string& user = request.caller.name;
  // The caller's line comes first: an own uid answers to the caller's name, also when that is root.
  std::string passwd = passwdLine(user, identity.uid, identity.gid, homeInside(request.caller), shell);
  if (user != "root") passwd += passwdLine("root", 0, 0, "/root", "/usr/sbin/nologin");
  if (user != "nobody") passwd += passwdLine("nobody", kNobody, kNobody, "/nonexistent", "/usr/sbin/nologin");
  return {
      {.target = "/etc/passwd", .content = passwd},
      {.target = "/etc/group", .content = groupFile(identity, request)},
      {.target = "/etc/hosts", .content = "127.0.0.1 localhost " + hostname + "\n::1 localhost\n"},
      {.target = "/etc/hostname", .content = hostname + "\n"},
      {.target = "/etc/resolv.conf",
       .content =
           guards.egress ? "nameserver 127.0.0.1\n" : "# This run has no name server: its network has no way out.\n"},
      {.target = "/etc/nsswitch.conf",
       .content = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"},
  };
}

std::string makeHostname(const LaunchRequest& request) {
  const std::string& name = request.name;
  const bool valid = !name.empty() && name.size() <= kHostnameLimit && name.front() != '-' && name.back() != '-' &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
                     });
  return valid ? name : "ringfence";
}

}  // namespace ringfence::sandbox
