#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/redirect.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

// In the child of probeRedirect(): the exit status says how it went.
int tryInOwnNamespace(int report) {
  if (::unshare(CLONE_NEWNET) != 0) {
    const std::string why = posixError(errno, "making a network namespace").message;
    return ::write(report, why.data(), why.size()) < 0 ? 2 : 1;
  }
  auto prepared = bringLoopbackUp();
  if (prepared) prepared = prepareNetwork();
  if (prepared) return 0;
  const std::string& why = prepared.error().message;
  return ::write(report, why.data(), why.size()) < 0 ? 2 : 1;
}

}  // namespace

Result<void> probeRedirect() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return posixError(errno, "making a pipe");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return posixError(errno, "forking to try packet rules");
  if (child == 0) ::_exit(tryInOwnNamespace(writer.get()));
  writer.reset();
  const auto why = readAll(reader.get(), kibibytes(4), "what packet rules can do");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const bool told = why && !why->empty();
  return Error{ErrorCode::kUnsupported, told ? *why : "trying packet rules ended without a word"};
}

}  // namespace ringfence::sandbox
