// How deep a JSON text nests, before any parser is given it. Pure.
#pragma once

#include <string_view>

namespace ringfence::supervisor::api {

// Of text that is no JSON the answer means nothing.
bool nestsDeeperThan(std::string_view json, int levels);

}  // namespace ringfence::supervisor::api
