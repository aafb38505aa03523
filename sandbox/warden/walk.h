// Resolution name by name, for paths that the kernel would resolve differently for us than for the caller. Slow, and
// only taken where the fast way failed. Internal to resolve.cc.
#pragma once

#include "sandbox/warden/resolve.h"

namespace ringfence::sandbox {

enum class WalkTo { kObject, kPlace };
struct WalkEnd {
  UniqueFd object;  // kObject
  Place place;      // kPlace: a name behind which there is no link
};
OrErrno<WalkEnd> walkAsCaller(const Caller& caller, const CopiedPath& path, LastLink last, WalkTo to);

}  // namespace ringfence::sandbox
