// The third thing that ringfence-hook is: what `ringfence adapter import` runs inside a fence, so that a file of the
// person's comes into the private home of a policy by the agent's user and behind all of its walls.
#pragma once

#include <string>
#include <string_view>

#include "sdk/base/result.h"

namespace ringfence::hook {

enum class Present { kRefuse, kReplace };

// Writes it below `home`, for its user alone. Fails with kBusy where there is one and it is not to be replaced, and as
// HomeFile does (sdk/hook/home_file.h); `said` as there.
Result<void> importFile(const std::string& home, std::string_view path, std::string_view text, Present present,
                        std::string& said);

}  // namespace ringfence::hook
