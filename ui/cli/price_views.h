// What an interruption would cost, for people and for programs. Pure.
#pragma once

#include <string>

#include "sdk/client/client.h"

namespace ringfence::cli {

std::string priceText(const client::PriceAnswer& answer);
// {"run","name","hold_seconds","safe_point","freeze":{"seconds","tokens","work_cpu_seconds","forbidden","why",
// "cheaper_after"},"freeze_and_reclaim":{…},"kill":{…}}; what is not known is null.
std::string priceJson(const client::PriceAnswer& answer);

}  // namespace ringfence::cli
