#include "sandbox/warden/exec_promises.h"

#include <algorithm>

#include "sandbox/kernel/process_chain.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxPromises = 256;  // above, those of threads that are gone are looked for

std::ptrdiff_t argumentCount(int number) { return guardedCallOf(number) == GuardedCall::kExecveat ? 5 : 3; }

}  // namespace

void ExecPromises::promise(int thread, ExecPromise promise) {
  const auto time = readStartTime(proc_, thread);
  if (!time) return;
  promise.startTime = *time;
  const std::lock_guard lock(mutex_);
  if (promises_.size() >= kMaxPromises) {
    std::erase_if(promises_, [&](const auto& entry) {
      const auto known = readStartTime(proc_, entry.first);
      return !known || *known != entry.second.startTime;
    });
  }
  promises_.insert_or_assign(thread, std::move(promise));
}

std::optional<ExecPromise> ExecPromises::claim(const Notification& call) {
  std::optional<ExecPromise> promise;
  {
    const std::lock_guard lock(mutex_);
    const auto found = promises_.find(call.thread);
    if (found == promises_.end()) return std::nullopt;
    promise = std::move(found->second);
    promises_.erase(found);
  }
  const auto time = readStartTime(proc_, call.thread);
  const bool same = std::equal(promise->arguments.begin(), promise->arguments.begin() + argumentCount(call.number),
                               call.arguments.begin());
  if (!time || *time != promise->startTime || !same) return std::nullopt;
  return promise;
}

}  // namespace ringfence::sandbox
