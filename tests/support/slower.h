#pragma once

#include <cstdlib>

namespace ringfence::test {

// How much longer something may take here than on the machine that the deadlines were set on: a guest is emulated.
inline int slower() { return std::getenv("RINGFENCE_GUEST") != nullptr ? 8 : 1; }

}  // namespace ringfence::test
