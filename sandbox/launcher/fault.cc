#include "sandbox/launcher/fault.h"

#include <fcntl.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sandbox/kernel/procfs.h"
#include "sandbox/kernel/seccomp.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kReturnErrno = 0x0005'0000;
constexpr std::uint32_t kReturnAllow = 0x7fff'0000;

bool armed = false;

int filtersOf(const std::string& process) {
  const auto text = readFileAt(AT_FDCWD, "/proc/" + process + "/status", mebibytes(1));
  const auto status = text ? parseStatus(*text) : Result<ProcStatus>(text.error());
  return status ? std::max(status->seccompFilters, 0) : 0;
}

}  // namespace

void armFault() {
  const char* path = std::getenv("RINGFENCE_FAULT");
  if (path == nullptr || armed) return;
  const auto text = readFileAt(AT_FDCWD, path, kibibytes(1));
  unsigned number = 0, error = 0;
  if (!text || std::sscanf(text->c_str(), "%u %u", &number, &error) != 2) return;
  const BpfProgram program = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},  // the number of the call
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number},
      {BPF_RET | BPF_K, 0, 0, kReturnErrno | (error & 0xffff)},
      {BPF_RET | BPF_K, 0, 0, kReturnAllow},
  };
  armed = true;
  if (install(program) != 0) std::abort();  // A trial without its fault would prove nothing.
}

int faultFilters(int pid) {
  if (std::getenv("RINGFENCE_FAULT") == nullptr) return 0;
  return std::max(filtersOf(std::to_string(pid)) - filtersOf("self") - 1, 0);
}

}  // namespace ringfence::sandbox
