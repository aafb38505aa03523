#include "sandbox/warden/own_proc.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "sandbox/warden/resolve.h"

namespace ringfence::sandbox {
namespace {

// Without any right over the process.
constexpr std::string_view kForEveryone[] = {"status", "stat", "statm", "cmdline", "comm", "cgroup", "limits", "sched"};

// "12/fd/3" of "/proc/12/fd/3"; empty when it is not of a process.
std::string_view belowProcess(std::string_view path, std::string_view& process) {
  constexpr std::string_view kProc = "/proc/";
  if (!path.starts_with(kProc)) return {};
  path.remove_prefix(kProc.size());
  const std::size_t digits = std::min(path.find_first_not_of("0123456789"), path.size());
  if (digits == 0 || (digits < path.size() && path[digits] != '/')) return {};
  process = path.substr(0, digits);
  return digits == path.size() ? std::string_view("/") : path.substr(digits);
}

}  // namespace

int refusalOfProcFile(const Caller& caller, int object, ProcUse use) {
  auto path = pathOf(object);
  if (!path) return path.error().value;
  if (!path->starts_with("/proc")) return EACCES;  // a procfs elsewhere is none that we gave
  std::string_view process;
  const std::string_view below = belowProcess(*path, process);
  if (process.empty()) return 0;
  auto thread = caller.status();
  if (!thread) return thread.error().value;
  Notification leader = caller.notification();
  leader.thread = thread->process;
  auto own = Caller(caller.proc(), caller.notifier(), leader).status();
  if (!own || own->namespacePids.empty()) return ESRCH;
  const std::string_view file = below.substr(below.find_last_of('/') + 1);
  if (std::to_string(own->namespacePids.back()) == process || std::to_string(thread->namespacePids.back()) == process) {
    return file == "mem" && use == ProcUse::kWrite ? EACCES : 0;
  }
  if (use == ProcUse::kWrite) return EACCES;
  return file.empty() || std::ranges::find(kForEveryone, file) != std::end(kForEveryone) ? 0 : EACCES;
}

}  // namespace ringfence::sandbox
