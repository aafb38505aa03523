// Leaves out one wall, or the domain that wardens are in ("stem"), in a test build only, to prove that the posture
// check misses it by name.
#pragma once

#include "sandbox/plan/plan.h"

#ifdef RINGFENCE_KNOCKOUT
#include <cstdlib>
#include <cstring>
#endif

namespace ringfence::sandbox {

#ifdef RINGFENCE_KNOCKOUT
inline bool isLeftOut(Wall wall) {
  const char* name = std::getenv("RINGFENCE_KNOCKOUT");
  return name != nullptr && std::strcmp(name, wallName(wall)) == 0;
}
inline bool isStemLeftOut() {
  const char* name = std::getenv("RINGFENCE_KNOCKOUT");
  return name != nullptr && std::strcmp(name, "stem") == 0;
}
#else
constexpr bool isLeftOut(Wall) { return false; }
constexpr bool isStemLeftOut() { return false; }
#endif

}  // namespace ringfence::sandbox
