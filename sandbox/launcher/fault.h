// Makes one system call of a run's first process fail, in a test build only: RINGFENCE_FAULT names a file of 64 bytes
// that holds "NUMBER ERRNO" and blanks (blanks alone: nothing fails), and is written in place. Looked at when the child
// is born and again when it has its plan, so a child that was forked ahead can be reached too.
#pragma once

namespace ringfence::sandbox {

#ifdef RINGFENCE_KNOCKOUT
// From here on the call fails in this process and its descendants.
void armFault();
// Filters of that process that are neither inherited from here nor the run's own.
int faultFilters(int pid);
#else
inline void armFault() {}
constexpr int faultFilters(int) { return 0; }
#endif

}  // namespace ringfence::sandbox
