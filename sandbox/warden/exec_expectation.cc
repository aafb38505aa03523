#include "sandbox/warden/exec_expectation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

// At most `limit` bytes of it.
Result<std::string> readBeginning(int proc, const std::string& path, std::size_t limit) {
  const UniqueFd file = RF_TRY(openAt(proc, path, O_RDONLY));
  std::string text(limit, '\0');
  std::size_t size = 0;
  while (size < limit) {
    const ssize_t got = ::read(file.get(), text.data() + size, limit - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return posixError(errno, "reading " + path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

ExecExpectation::ExecExpectation(const ExecCopy& copy, ExecProgram program)
    : program_(std::move(program)), beginning_(copy.argvCut) {
  for (const std::string& argument : program_.chain.back().argv) {
    commandLine_ += argument;
    commandLine_ += '\0';
  }
  if (beginning_) commandLine_.pop_back();  // The last one may be the beginning of a longer one.
}

std::string ExecExpectation::compare(int proc, int process) const {
  const std::string place = std::to_string(process);
  struct stat status {};
  if (::fstatat(proc, (place + "/exe").c_str(), &status, 0) != 0)
    return posixError(errno, "what the process runs cannot be read").message;
  const ExecObject& object = program_.chain.back();
  if (status.st_dev != object.device || status.st_ino != object.inode) return "another program was run";
  const auto text = readBeginning(proc, place + "/cmdline", commandLine_.size() + (beginning_ ? 0 : 1));
  if (!text) return text.error().message;
  if (*text != commandLine_) return "its arguments are others";
  return {};
}

}  // namespace ringfence::sandbox
