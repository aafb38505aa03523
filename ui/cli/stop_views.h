// What people see of an emergency stop. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/client/client.h"

namespace ringfence::cli {

// The receipt of ringfence-stop, as far as it is one: any JSON object may be.
struct StopReceipt {
  bool verified = false;
  bool latched = false;
  bool killed = false;
  std::string refused;  // why it did not kill, or not everything, or did nothing at all
  std::string text;     // the lines for a person
};
// Nothing: that is no receipt.
std::optional<StopReceipt> readReceipt(std::string_view json);

// "re-armed; 2 runs stay held: …".
std::string rearmedText(const std::vector<std::string>& held);
std::string rearmedJson(const std::vector<std::string>& held);
// One line each; none: there is nothing to say.
std::vector<std::string> stopAlarms(const client::StopState& stop);

}  // namespace ringfence::cli
