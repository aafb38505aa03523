// Users and groups. What /etc/passwd and /etc/group say is read there; only for whom they do not name is the name
// service asked (sssd, LDAP, …): by getent, a process of its own with a deadline, because its modules may wait for a
// network. The answer is remembered for a while, so that such users start runs as fast as any other.
//
// The files win over the name service whatever order nsswitch.conf says. What is remembered may be a minute old: a
// home, a shell, which id a group's name stands for. The groups a caller has are never taken from here but from the
// kernel, and those of a login that root asks for are asked for each time.
//
//   NameService names;
//   auto user = names.user(1000, now);  // nullopt: nobody knows that id
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"

namespace ringfence::supervisor {

// How long the loop waits for one answer at most, and for a launch no more than thrice that; one that failed is not
// tried again for a while.
inline constexpr Milliseconds kMaxNameServiceWait = std::chrono::seconds(1);
inline constexpr std::size_t kMaxRememberedNames = 1024;
// Of a policy, that the files do not name: each costs a process.
inline constexpr std::size_t kMaxGroupsAskedFor = 16;

struct UserEntry {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string name, home, shell;
};

// `now` is boottime. Each fails with kBusy when the name service does not answer in time.
class NameService {
 public:
  // Can be others, in tests.
  struct Place {
    std::string passwd = "/etc/passwd";
    std::string group = "/etc/group";
    std::string getent = "/usr/bin/getent";
    Milliseconds patience = kMaxNameServiceWait;
  };
  NameService() = default;
  explicit NameService(Place place) : place_(std::move(place)) {}

  Result<std::optional<UserEntry>> user(std::uint32_t uid, Microseconds now);
  Result<std::optional<UserEntry>> user(const std::string& name, Microseconds now);
  // The ids of the groups in `wanted` that are among `held`. The name service is asked only for who has a group that
  // the file does not name; a `caller` for whom it did not answer waits a while, whatever group is wanted then. Fails
  // with kUnsupported where too many would be asked for.
  Result<std::map<std::string, std::uint32_t>> groupIds(const std::vector<std::string>& wanted,
                                                        const std::vector<std::uint32_t>& held, std::uint32_t caller,
                                                        Microseconds now);
  // Every group that a login of that user has, as the name service says.
  Result<std::vector<std::uint32_t>> groupsOf(const std::string& user, Microseconds now);

 private:
  struct Remembered {
    Result<std::string> answer;
    Microseconds until;
  };
  Result<std::string> ask(const std::string& database, const std::string& key, Microseconds now);

  Place place_;
  std::map<std::pair<std::string, std::string>, Remembered> remembered_;
  std::map<std::uint32_t, Microseconds> pausedUntil_;  // by caller, after an answer about a group that did not come
};

}  // namespace ringfence::supervisor
