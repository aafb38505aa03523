#include "supervisor/meter/process_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "sdk/base/io.h"
#include "supervisor/meter/kernel_text.h"

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kMaxProcessesSummed = 1024;
constexpr std::size_t kIoFile = 1024;  // seven numbers

// The kernel writes it in one piece, so its end needs no second read.
Result<std::string_view> readOnce(int proc, int pid, std::span<char> buffer) {
  const std::string path = std::to_string(pid) + "/io";
  const UniqueFd file = RF_TRY(openAt(proc, path, O_RDONLY));
  const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
  if (got < 0) return posixError(errno, "reading " + path);
  return std::string_view(buffer.data(), static_cast<std::size_t>(got));
}

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
  std::array<char, kIoFile> buffer __attribute__((uninitialized));
  for (const int pid : processes) {
    const auto text = readOnce(proc, pid, buffer);
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
