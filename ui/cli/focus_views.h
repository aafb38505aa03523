// Which program has the focus and what is kept for it, for people and for programs. Pure.
#pragma once

#include <string>

#include "sdk/client/client.h"

namespace ringfence::cli {

std::string focusText(const client::FocusAnswer& answer);
// {"pid","group","protected":[{"what","amount"}],"unprotected":[{"what","why"}]}; without a focus pid and group are
// null.
std::string focusJson(const client::FocusAnswer& answer);
// Some of it, or there is nothing that could be.
bool isProtected(const client::FocusAnswer& answer);

}  // namespace ringfence::cli
