// The smallest table that still shows itself: everything is allowed but one call that no test needs.
#pragma once

#include "sandbox/plan/seccomp_table.h"

namespace ringfence::test {

inline sandbox::SeccompTable seccompForTests() {
  sandbox::SeccompTable table;
  table.fallback = sandbox::SeccompAction::kAllow;
  table.rules.push_back({"acct", sandbox::SeccompAction::kErrno, 1, {}});
  return table;
}

}  // namespace ringfence::test
