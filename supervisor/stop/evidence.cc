#include "supervisor/stop/evidence.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "sdk/base/io.h"
#include "supervisor/stop/kernel_reading.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr int kDeepest = 8;  // groups below a run; deeper ones are not looked into, and the reading is not whole

// Names of the kernel's own functions, and of those that they may be compiled into.
constexpr std::array<std::string_view, 2> kFreezer = {"do_freezer_trap", "get_signal"};
constexpr std::array<std::string_view, 2> kVfork = {"wait_for_vfork_done", "kernel_clone"};
constexpr std::array<std::string_view, 2> kNotified = {"seccomp_do_user_notification", "__seccomp_filter"};

// The compiler may have made a part of a function, or a copy: "do_freezer_trap.isra.0".
bool isOneOf(const std::array<std::string_view, 2>& names, std::string_view name) {
  return std::ranges::find(names, name.substr(0, name.find('.'))) != names.end();
}

std::string_view textOf(int directory, const char* file, std::array<char, 256>& into) {
  const UniqueFd opened = openQuietly(directory, file, O_RDONLY);
  const ssize_t got = opened ? readFromStart(opened.get(), into.data(), into.size()) : -1;
  return {into.data(), got < 0 ? 0 : static_cast<std::size_t>(got)};
}

// The letter after the name in parentheses, which the process chooses; 0: it is gone.
char stateIn(std::string_view stat) {
  const std::size_t end = stat.rfind(')');
  return end == stat.npos || end + 2 >= stat.size() ? '\0' : stat[end + 2];
}

// Twice the same, because it moves on between the two files.
ThreadState threadState(int thread) {
  std::array<char, 256> stat, wchan;
  const char before = stateIn(textOf(thread, "stat", stat));
  const std::string_view waitsIn = textOf(thread, "wchan", wchan);
  const char after = stateIn(textOf(thread, "stat", stat));
  if (after == '\0') return ThreadState::kGone;
  return before == after ? classifyThread(after, waitsIn) : ThreadState::kFinishing;
}

void count(Evidence& into, RunEvidence& run, ThreadState state) {
  if (state == ThreadState::kGone) return;
  ++into.processes;
  const auto add = [](std::uint32_t& all, std::uint32_t& own) { ++all, ++own; };
  if (state == ThreadState::kFrozen) add(into.frozen, run.frozen);
  if (state == ThreadState::kHeld) add(into.held, run.held);
  if (state == ThreadState::kFinishing) add(into.finishing, run.finishing);
}

bool saysFrozen(int group) {
  std::array<char, 256> text;
  return textOf(group, "cgroup.events", text).find("frozen 1") != std::string_view::npos;
}

}  // namespace

ThreadState classifyThread(char state, std::string_view waitsIn) {
  switch (state) {
    case 'Z':
    case 'X':
    case 'x': return ThreadState::kGone;
    case 'T':
    case 't': return ThreadState::kFrozen;
    case 'S':
    case 'D': break;
    default: return ThreadState::kFinishing;
  }
  if (isOneOf(kFreezer, waitsIn) || isOneOf(kVfork, waitsIn)) return ThreadState::kFrozen;
  // One that no warden has taken yet is interruptible: the freeze takes it out of its call.
  return state == 'D' && isOneOf(kNotified, waitsIn) ? ThreadState::kHeld : ThreadState::kFinishing;
}

Result<EvidenceReader> EvidenceReader::open() {
  return EvidenceReader(RF_TRY(openAt(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY)));
}

void EvidenceReader::read(const Branches& branches, Depth depth, Evidence& into) const {
  into.runs = into.processes = into.frozen = into.held = into.finishing = 0;
  into.isWhole = true;
  into.listed = 0;
  const Told told = depth == Depth::kCounted ? Told::kFrozen : Told::kAsk;
  const auto keep = [&](RunEvidence& run) {
    if (run.frozen + run.held + run.finishing == 0) return;
    run.isPrepared = isPrepared(run);
    if (!run.isPrepared) ++into.runs;
    if (into.listed < into.list.size()) into.list[into.listed++] = run;
  };
  for (std::size_t i = 0; i < Branches::kCount; ++i) {
    const int branch = branches.directory(i);
    // Nobody of ours, but frozen with the branch: told under the branch's own name.
    RunEvidence stray;
    stray.run.append(branches.name(i));
    readProcesses(branch, told == Told::kAsk && saysFrozen(branch) ? Told::kFrozen : told, stray, into);
    keep(stray);
    const int listed = forEachDirectory(branch, [&](const char* name) {
      RunEvidence run;
      run.run.append(name);
      if (const UniqueFd group = openQuietly(branch, name, O_RDONLY | O_DIRECTORY))
        readGroup(group.get(), told, 0, run, into);
      else if (!isGone(errno))
        into.isWhole = false;
      keep(run);
    });
    if (listed != 0) into.isWhole = false;
  }
}

void EvidenceReader::readGroup(int group, Told told, int depth, RunEvidence& run, Evidence& into) const {
  if (told == Told::kAsk && saysFrozen(group)) told = Told::kFrozen;
  readProcesses(group, told, run, into);
  const int listed = forEachDirectory(group, [&](const char* name) {
    const UniqueFd below = openQuietly(group, name, O_RDONLY | O_DIRECTORY);
    const bool isReadable = below && depth < kDeepest;
    if (isReadable)
      readGroup(below.get(), told, depth + 1, run, into);
    else if (below || !isGone(errno))
      into.isWhole = false;
  });
  if (listed != 0 && !isGone(listed)) into.isWhole = false;
}

void EvidenceReader::readProcesses(int group, Told told, RunEvidence& run, Evidence& into) const {
  const UniqueFd file = openQuietly(group, "cgroup.procs", O_RDONLY);
  if (!file) {
    if (!isGone(errno)) into.isWhole = false;
    return;
  }
  NumberLines lines(file.get());
  bool isFirst = true;
  while (const auto pid = lines.next()) {
    if (std::exchange(isFirst, false)) {
      if (const auto room = std::ranges::find(run.pids, 0); room != run.pids.end()) *room = *pid;
    }
    count(into, run, told == Told::kFrozen ? ThreadState::kFrozen : processState(*pid));
  }
  if (lines.error() != 0 && !isGone(lines.error())) into.isWhole = false;
}

// That of the thread that is furthest from being stopped.
ThreadState EvidenceReader::processState(int pid) const {
  std::array<char, 32> path;
  (void)std::snprintf(path.data(), path.size(), "%d/task", pid);
  const UniqueFd tasks = openQuietly(proc_.get(), path.data(), O_RDONLY | O_DIRECTORY);
  if (!tasks) return isGone(errno) ? ThreadState::kGone : ThreadState::kFinishing;
  ThreadState worst = ThreadState::kGone;
  const int listed = forEachDirectory(tasks.get(), [&](const char* name) {
    const UniqueFd thread = openQuietly(tasks.get(), name, O_RDONLY | O_DIRECTORY);
    const ThreadState state = thread          ? threadState(thread.get())
                              : isGone(errno) ? ThreadState::kGone
                                              : ThreadState::kFinishing;
    worst = std::max(worst, state);
  });
  return listed == 0 || isGone(listed) ? worst : ThreadState::kFinishing;
}

// A run has its first process, which stays, and at least another one; whoever waits to become one is alone.
bool EvidenceReader::isPrepared(const RunEvidence& run) const {
  if (run.frozen + run.held + run.finishing != 1 || run.pids[0] == 0) return false;
  std::array<char, 32> path;
  (void)std::snprintf(path.data(), path.size(), "%d/exe", run.pids[0]);
  std::array<char, 512> program;
  const ssize_t size = ::readlinkat(proc_.get(), path.data(), program.data(), program.size());
  const std::string_view name(program.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  return name.substr(std::min(name.size(), name.rfind('/') + 1)).starts_with("ringfence-launcher");
}

bool EvidenceReader::isOf(const RunEvidence& run, std::uint32_t uid) const {
  for (const int pid : run.pids) {
    if (pid == 0) break;
    std::array<char, 32> path;
    (void)std::snprintf(path.data(), path.size(), "%d/status", pid);
    const UniqueFd status = openQuietly(proc_.get(), path.data(), O_RDONLY);
    std::array<char, 2048> text;
    const ssize_t got = status ? readFromStart(status.get(), text.data(), text.size()) : -1;
    if (got <= 0) continue;
    std::string_view rest(text.data(), static_cast<std::size_t>(got));
    const std::size_t at = rest.find("\nUid:\t");
    std::uint32_t real = 0;
    if (at == rest.npos) continue;
    rest.remove_prefix(at + 6);
    if (std::from_chars(rest.data(), rest.data() + rest.size(), real).ec == std::errc() && real == uid) return true;
  }
  return false;
}

}  // namespace ringfence::supervisor::stop
