#include "sdk/base/money.h"

namespace ringfence {

std::string dollarsText(std::uint64_t microUsd) {
  std::string rest = std::to_string(microUsd % kMicroUsd);
  rest.insert(0, 6 - rest.size(), '0');
  if (rest.ends_with("0000")) rest.resize(2);
  return "$" + std::to_string(microUsd / kMicroUsd) + "." + rest;
}

}  // namespace ringfence
