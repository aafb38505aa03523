// The shape of the file, and the steps from each older one. A step is never changed once it was released.
#pragma once

#include <span>

#include "sdk/base/result.h"
#include "supervisor/store/sqlite.h"

namespace ringfence::supervisor {

struct Migration {
  int toVersion;    // from the one before it
  const char* sql;  // a literal; runs in one transaction with the new version number
};

// Steps from an empty file (version 0) to the version of this build.
std::span<const Migration> schemaSteps();

// Brings the file to the last of `steps`. Fails with kUnsupported when a newer build wrote it, and with kInvalid when
// it is some other program's database; the file is unchanged then.
Result<void> migrate(Connection& connection, std::span<const Migration> steps);

}  // namespace ringfence::supervisor
