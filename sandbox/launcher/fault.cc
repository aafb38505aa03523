#include "sandbox/launcher/fault.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

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

constexpr int kFaultBytes = 64;

bool armed = false;

// What the file says now. It is mapped once, at birth: later the child has another root, in which it does not exist.
std::string wantedFault() {
  static const char* text = nullptr;
  const char* path = std::getenv("RINGFENCE_FAULT");
  if (text == nullptr && path != nullptr) {
    const auto file = openAt(AT_FDCWD, path, O_RDONLY);
    struct stat status {};
    if (!file || ::fstat(file->get(), &status) != 0 || status.st_size < kFaultBytes) return {};
    void* page = ::mmap(nullptr, kFaultBytes, PROT_READ, MAP_SHARED, file->get(), 0);
    if (page == MAP_FAILED) return {};
    text = static_cast<const char*>(page);
  }
  return text == nullptr ? std::string() : std::string(text, kFaultBytes);
}

int filtersOf(const std::string& process) {
  const auto text = readFileAt(AT_FDCWD, "/proc/" + process + "/status", mebibytes(1));
  const auto status = text ? parseStatus(*text) : Result<ProcStatus>(text.error());
  return status ? std::max(status->seccompFilters, 0) : 0;
}

}  // namespace

void armFault() {
  if (armed) return;
  unsigned number = 0, error = 0;
  if (std::sscanf(wantedFault().c_str(), "%u %u", &number, &error) != 2) return;
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
