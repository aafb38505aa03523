// What a text of a message may hold. Pure.
#pragma once

#include <string>

#include "sdk/base/text.h"

namespace ringfence::supervisor::api {

// A `string` of protobuf must be UTF-8; a path in a message need not be. Line ends stay, diagnostics have them.
inline std::string asUtf8(const std::string& text) { return isValidUtf8(text) ? text : escapeForDisplay(text); }

}  // namespace ringfence::supervisor::api
