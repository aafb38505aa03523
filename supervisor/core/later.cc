#include "supervisor/core/later.h"

#include <algorithm>

#include "sdk/base/units.h"

#include "policy/triggers.h"
#include "sandbox/plan/paths.h"

namespace ringfence::supervisor {
namespace {

std::string shownPath(const Run& run, const std::string& path) {
  const std::string below = run.what.workspace + "/";
  std::string shown = path.starts_with(below) ? path.substr(below.size()) : path;
  if (shown.size() <= kMaxLaterPathBytes) return shown;
  std::size_t cut = shown.size() - kMaxLaterPathBytes;
  while (cut < shown.size() && (static_cast<unsigned char>(shown[cut]) & 0xC0U) == 0x80U) ++cut;
  return "…" + shown.substr(cut);
}

// Nobody outside obeys what is in its private home or in memory of its own.
bool isOutside(const Run& run, const std::string& path) {
  if (!run.what.terms || !run.what.terms->writable) return true;
  return std::ranges::any_of(*run.what.terms->writable,
                             [&](const std::string& place) { return sandbox::isWithin(path, place); });
}

void rememberPath(Run& run, const std::string& path, const sandbox::ProcessLink& by) {
  if (path.empty() || !policy::obeyedBy(path) || !isOutside(run, path)) return;
  std::vector<std::string>& paths = run.talk.later.paths;
  std::string shown = shownPath(run, path);
  if (std::ranges::find(paths, shown) != paths.end()) return;
  if (paths.size() == kMaxLaterPaths) {
    ++run.talk.later.more;
    return;
  }
  // Of what an earlier build remembered nobody knows who it was.
  run.talk.later.writers.resize(paths.size());
  run.talk.later.writers.push_back(by);
  paths.push_back(std::move(shown));
}

bool isOneOf(std::string_view call, std::initializer_list<std::string_view> calls) {
  return std::ranges::find(calls, call) != calls.end();
}

}  // namespace

void rememberChange(Run& run, std::string_view call, const std::string& target, const std::string& second,
                    const sandbox::ProcessLink& by) {
  // Nothing bears the name afterwards, or a folder does.
  if (isOneOf(call, {"unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"})) return;
  // Under its old name nothing is left. renameat2() may exchange two files, and a link gives a file another name to be
  // written by, so there both names count.
  if (!isOneOf(call, {"rename", "renameat"}) || second.empty()) rememberPath(run, target, by);
  // Of a symbolic link the second is what it says, and nothing is changed there.
  if (!isOneOf(call, {"symlink", "symlinkat"})) rememberPath(run, second, by);
}

std::optional<LaterReport> laterOf(const Run& run) {
  const LaterFiles& later = run.talk.later;
  const GuardMemory& warden = run.talk.warden;
  if (warden.pid == 0 && warden.ringUpTo == 0 && later.paths.empty()) return std::nullopt;
  LaterReport report{.files = {}, .more = later.more};
  for (std::size_t i = 0; i < later.paths.size(); ++i) {
    LaterFile file{.path = later.paths[i],
                   .obeyedBy = std::string(policy::obeyedBy(later.paths[i]).value_or("by its name")),
                   .pid = {},
                   .name = {}};
    if (i < later.writers.size() && later.writers[i].pid > 0) {
      file.pid = later.writers[i].pid;
      file.name = later.writers[i].name;
    }
    report.files.push_back(std::move(file));
  }
  return report;
}

std::string noteOfMemory(const Run& run, const FinalUsage& usage, std::string note) {
  const RunBounds bounds = termsOf(run).bounds.value_or(RunBounds{});
  const std::uint64_t limit = bounds.memoryHardBytes.value_or(0), peak = usage.memoryPeakBytes.value_or(0);
  const std::string rest = note.empty() ? "" : "; " + note;
  // The kernel ends it for the memory of the whole machine as well, however little it uses itself.
  if (peak > 0 && (limit == 0 || peak < limit - limit / 10))
    return "out of memory: the machine had none left when it used " + formatBytes({peak}) + " at most" + rest;
  if (peak == 0 || limit == 0) return "out of memory" + rest;
  // The peak may be read of a group around the one that is bounded.
  return "out of memory: " + memoryLimitWords({std::min(peak, limit)}, {limit}) + rest;
}

std::string noteOfEnd(const Run& run, std::string note) {
  const LaterFiles& later = run.talk.later;
  if (later.paths.empty()) return note;
  if (!note.empty()) note += "; ";
  note += "changed, and runs or is obeyed later outside: ";
  const std::size_t most = note.size() + kMaxLaterNoteBytes;
  std::uint64_t unnamed = later.more;
  bool first = true;
  for (const std::string& path : later.paths) {
    const std::string entry = path + " (" + std::string(policy::obeyedBy(path).value_or("by its name")) + ")";
    if (note.size() + entry.size() + 2 > most) {
      ++unnamed;
      continue;
    }
    note += (first ? "" : ", ") + entry;
    first = false;
  }
  if (unnamed > 0) note += " and " + std::to_string(unnamed) + " more changes of such files, which the log has";
  return note;
}

}  // namespace ringfence::supervisor
