#include "supervisor/meter/roots.h"

#include <fcntl.h>

#include "sdk/base/io.h"

namespace ringfence::supervisor {

Result<MeterRoots> MeterRoots::open(const std::string& under) {
  MeterRoots roots;
  UniqueFd top = RF_TRY(openAt(AT_FDCWD, under, O_PATH | O_DIRECTORY));
  roots.proc = RF_TRY(openAt(top.get(), "proc", O_PATH | O_DIRECTORY));
  roots.sys = RF_TRY(openAt(top.get(), "sys", O_PATH | O_DIRECTORY));
  roots.dev = RF_TRY(openAt(top.get(), "dev", O_PATH | O_DIRECTORY));
  return roots;
}

}  // namespace ringfence::supervisor
