// What --allow-host takes: "example.org", "*.example.org:443", "10.0.0.7:8080", "[::1]:443". Pure.
#pragma once

#include <string_view>

#include "sdk/base/result.h"
#include "sdk/client/client.h"

namespace ringfence::cli {

// Fails with kInvalid and what is wrong in words.
Result<client::HostGrant> parseHostGrant(std::string_view text);

}  // namespace ringfence::cli
