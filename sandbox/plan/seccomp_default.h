// The system calls that every run may make: default deny, big enough for compilers, interpreters, git and shells.
#pragma once

#include "sandbox/plan/seccomp_table.h"

namespace ringfence::sandbox {

const SharedSeccompTable& defaultSeccompTable();

}  // namespace ringfence::sandbox
