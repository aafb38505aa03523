#include "sandbox/kernel/process_chain.h"

#include <signal.h>

#include <cerrno>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr Bytes kMaxStatus = kibibytes(64);

// As the launcher's pid namespace counts: one number there, one in the run's, more only below.
constexpr std::size_t kDepthOfRun = 2;

bool isFirstOfRun(const ThreadStatus& status) {
  return status.namespacePids.size() == kDepthOfRun && status.namespacePids.back() == 1;
}

Result<std::string> readFileOf(int proc, int thread, const char* name) {
  auto text = readFileAt(proc, std::to_string(thread) + "/" + name, kMaxStatus);
  // Reading the file of a thread that ended after it was opened says ESRCH.
  if (!text && text.error().sysErrno == ESRCH) text.error().code = ErrorCode::kNotFound;
  return text;
}

}  // namespace

Result<ThreadStatus> readThreadStatus(int proc, int thread) {
  const std::string text = RF_TRY(readFileOf(proc, thread, "status"));
  return parseThreadStatus(text);
}

Result<std::uint64_t> readStartTime(int proc, int thread) {
  const std::string text = RF_TRY(readFileOf(proc, thread, "stat"));
  return parseStartTime(text);
}

int processOf(int proc, int thread) {
  // Most callers are the first thread of their process: then it is found in a process of its number. Their status costs
  // more.
  if (::tgkill(thread, thread, 0) == 0) return thread;
  const auto status = readThreadStatus(proc, thread);
  return status ? status->process : 0;
}

std::vector<ProcessLink> readProcessChain(int proc, int thread) {
  std::vector<ProcessLink> chain;
  auto status = readThreadStatus(proc, thread);
  // The name that a person knows is the process's; what a thread is called comes second.
  if (status && status->process != thread) status = readThreadStatus(proc, status->process);
  while (status && chain.size() < kMaxProcessChain) {
    if (!chain.empty() && status->namespacePids.size() < kDepthOfRun) break;
    chain.push_back({.pid = status->process, .name = std::move(status->name)});
    if (isFirstOfRun(*status) || status->parent <= 0) break;
    status = readThreadStatus(proc, status->parent);
  }
  return chain;
}

}  // namespace ringfence::sandbox
