// Users and groups. What /etc/passwd and /etc/group say is read there; only for whom they do not name is the name
// service asked (sssd, LDAP, …): by getent, a process of its own with a deadline, because its modules may wait for a
// network. The answer is remembered for a while, so that such users start runs as fast as any other.
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

// How long a launch, and with it the loop, waits at most; one that failed is not tried again for a while.
inline constexpr Milliseconds kMaxNameServiceWait = std::chrono::seconds(1);
inline constexpr std::size_t kMaxRememberedNames = 1024;

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
  Result<std::optional<std::uint32_t>> groupId(const std::string& name, Microseconds now);
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
};

}  // namespace ringfence::supervisor
