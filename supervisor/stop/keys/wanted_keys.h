// Which triggers the administrator wants. The daemon writes them from its configuration into its state directory, and
// ringfence-stop reads them there, so that the same keys are watched whoever starts ringfence-stop, and in whatever
// order.
//
// STATE_DIR/stop-keys: a trigger a line (trigger_spec.h), or "off" alone. Replaced as a whole; no file: the default
// ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::supervisor::stop {

inline constexpr const char* kWantedKeysFile = "stop-keys";

struct WantedKeys {
  bool areWatched = true;
  std::vector<std::string> triggers;  // empty: the default ones
  bool operator==(const WantedKeys&) const = default;
};

// kNotFound never: no file is the default ones. kInvalid for a file that is longer than any that was written.
Result<WantedKeys> readWantedKeys(const std::string& stateDirectory);
// `stopKeys` as configured; absent: the default ones. kInvalid for a trigger that is no line of text.
Result<void> writeWantedKeys(const std::string& stateDirectory,
                             const std::optional<std::vector<std::string>>& stopKeys);

}  // namespace ringfence::supervisor::stop
