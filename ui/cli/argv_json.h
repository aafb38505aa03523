// A command as a JSON array, as people and scripts type it: '["git", "push", "--dry-run"]'. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::cli {

// Fails with kInvalid: no JSON, no array, an element that is no text, an empty program, a NUL.
Result<std::vector<std::string>> parseArgvJson(std::string_view text);

}  // namespace ringfence::cli
