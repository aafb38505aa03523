#include "supervisor/meter/process_starts.h"

#include <string>

#include "sdk/base/io.h"
#include "supervisor/meter/kernel_text.h"

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kMaxProcessesWatched = 1024;

}  // namespace

std::optional<int> parseParent(std::string_view stat) {
  // "PID (NAME) STATE PARENT …": the name ends at the last bracket.
  const std::size_t name = stat.rfind(") ");
  if (name == std::string_view::npos || stat.size() < name + 5 || stat[name + 3] != ' ') return std::nullopt;
  const std::string_view rest = stat.substr(name + 4);
  const std::size_t end = rest.find(' ');
  if (end == std::string_view::npos) return std::nullopt;
  const auto parent = parseDigits(rest.substr(0, end));
  constexpr std::uint64_t kGreatestPid = 1 << 22;
  return parent && *parent <= kGreatestPid ? std::optional(static_cast<int>(*parent)) : std::nullopt;
}

void ProcessStarts::look(int proc, std::span<const int> processes, int parent) {
  if (processes.size() > kMaxProcessesWatched) return;
  std::set<int> now(processes.begin(), processes.end());
  if (hasLooked_ && parent > 0) {
    for (const int pid : now) {
      if (known_.contains(pid)) continue;
      const auto stat = readFileAt(proc, std::to_string(pid) + "/stat", kibibytes(4));
      if (stat && parseParent(*stat) == parent) ++total_;
    }
  }
  hasLooked_ = true;
  known_ = std::move(now);
}

}  // namespace ringfence::supervisor
