#include "supervisor/core/later.h"

#include <algorithm>

#include "policy/triggers.h"

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

void rememberPath(Run& run, const std::string& path) {
  if (path.empty() || !policy::obeyedBy(path)) return;
  std::vector<std::string>& paths = run.talk.later.paths;
  std::string shown = shownPath(run, path);
  if (std::ranges::find(paths, shown) != paths.end()) return;
  if (paths.size() < kMaxLaterPaths)
    paths.push_back(std::move(shown));
  else
    ++run.talk.later.more;
}

bool isOneOf(std::string_view call, std::initializer_list<std::string_view> calls) {
  return std::ranges::find(calls, call) != calls.end();
}

}  // namespace

void rememberChange(Run& run, std::string_view call, const std::string& target, const std::string& second) {
  // Nothing bears the name afterwards, or a folder does.
  if (isOneOf(call, {"unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"})) return;
  // Under its old name nothing is left. renameat2() may exchange two files, and a link gives a file another name to be
  // written by, so there both names count.
  if (!isOneOf(call, {"rename", "renameat"}) || second.empty()) rememberPath(run, target);
  // Of a symbolic link the second is what it says, and nothing is changed there.
  if (!isOneOf(call, {"symlink", "symlinkat"})) rememberPath(run, second);
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
