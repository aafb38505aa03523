// Who a user of this machine is, from whatever /etc/nsswitch.conf names.
//
// Asked of getent(1): this program is linked statically, so its own C library could not load what is named there. Waits
// for getent, which may ask a server; no launch pays for it but one of --as, or one without HOME.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::cli {

struct Account {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
  bool operator==(const Account&) const = default;
};

// Absent: there is no such user. Fails with kUnavailable when getent cannot be asked.
Result<std::optional<Account>> findAccount(const std::string& name);
Result<std::optional<Account>> findAccount(std::uint32_t uid);
// The groups of that account, its primary one among them.
Result<std::vector<std::uint32_t>> findGroups(const Account& account);

// A line of passwd(5). Absent: it is none.
std::optional<Account> parseAccount(std::string_view line);
// What `getent initgroups NAME` prints: the name and numbers. Absent: it is something else.
std::optional<std::vector<std::uint32_t>> parseGroups(std::string_view line);

}  // namespace ringfence::cli
