#include "supervisor/meter/process_io.h"

#include <cerrno>
#include <string>

#include "sdk/base/io.h"
#include "supervisor/meter/kernel_text.h"

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kMaxProcessesSummed = 1024;

}  // namespace

std::optional<ProcessIo> parseProcessIo(std::string_view text) {
  const auto read = findNumber(text, "rchar:"), written = findNumber(text, "wchar:");
  const auto files = findNumber(text, "write_bytes:");
  if (!read || !written || !files) return std::nullopt;
  return ProcessIo{*read, *written, *files};
}

std::optional<ProcessIo> sumProcessIo(int proc, std::span<const int> processes) {
  if (processes.size() > kMaxProcessesSummed) return std::nullopt;
  ProcessIo sum;
  for (const int pid : processes) {
    const auto text = readFileAt(proc, std::to_string(pid) + "/io", kibibytes(4));
    if (!text) {
      const int error = text.error().sysErrno;
      if (error == ENOENT || error == ESRCH) continue;
      return std::nullopt;
    }
    const auto one = parseProcessIo(*text);
    if (!one) return std::nullopt;
    sum.readByCalls += one->readByCalls;
    sum.writtenByCalls += one->writtenByCalls;
    sum.writtenToFiles += one->writtenToFiles;
  }
  return sum;
}

void WrittenTotal::add(std::uint64_t sum) {
  if (last_ && sum > *last_) total_ += sum - *last_;
  last_ = sum;
}

}  // namespace ringfence::supervisor
