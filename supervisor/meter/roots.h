// The directories that every reading starts from: the real ones, or a tree of fixtures. All reads are openat-relative.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {

struct MeterRoots {
  UniqueFd proc, sys, dev;  // O_PATH

  // Of `under` ("/" for real): its proc, sys and dev. Fails with kNotFound naming what is absent.
  static Result<MeterRoots> open(const std::string& under);
};

}  // namespace ringfence::supervisor
