// What logind knows of the sessions of people. Its files below /run/systemd are read: neither it nor the bus is asked,
// so nothing here waits for anybody.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "supervisor/core/login.h"

namespace ringfence::supervisor {

// How somebody of `uid`, whose process was in the sessions of `owner`, is logged in now.
using LoginLookup = std::function<Login(std::uint32_t uid, std::optional<std::uint32_t> owner)>;

bool logindRuns();
Login lookUpLogin(std::uint32_t uid, std::optional<std::uint32_t> owner);

}  // namespace ringfence::supervisor
