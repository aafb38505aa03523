#include "supervisor/stop/evidence.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "sandbox/kernel/run_owner.h"
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

template <std::size_t size>
std::string_view textOf(int directory, const char* file, std::array<char, size>& into) {
  const UniqueFd opened = openQuietly(directory, file, O_RDONLY);
  const ssize_t got = opened ? readFromStart(opened.get(), into.data(), into.size()) : -1;
  return {into.data(), got < 0 ? 0 : static_cast<std::size_t>(got)};
}

// One line of /proc/PID/stat: what is in front of the letter is a name that the process chooses.
struct Stat {
  char letter = 0;   // 0: it is gone
  long threads = 0;  // 0: not known
};

Stat statIn(std::string_view line) {
  const std::size_t end = line.rfind(')');
  if (end == line.npos || end + 2 >= line.size()) return {};
  Stat stat{.letter = line[end + 2]};
  constexpr int kFieldsBeforeThreads = 17;  // from the letter on, proc_pid_stat(5)
  std::size_t at = end + 2;
  for (int i = 0; i < kFieldsBeforeThreads && at != line.npos; ++i) at = line.find(' ', at + 1);
  if (at != line.npos) (void)std::from_chars(line.data() + at + 1, line.data() + line.size(), stat.threads);
  return stat;
}

struct Look {
  ThreadState state = ThreadState::kFinishing;
  // In the place where the freeze keeps a thread: it leaves that by a thaw or by its end.
  bool isForGood = false;
  long threads = 0;  // of its process, after it was seen there; 0: not known
};

// `thread` is its directory below /proc. What it waits in is read twice, because it moves on between two files; a
// thread that is in the freeze does not.
Look lookAt(int proc, const char* thread) {
  std::array<char, 96> path;
  const auto read = [&](const char* file, auto& into) {
    (void)std::snprintf(path.data(), path.size(), "%s/%s", thread, file);
    return textOf(proc, path.data(), into);
  };
  std::array<char, 64> first, second;
  std::array<char, 512> line;
  const std::string_view waitsIn = read("wchan", first);
  const Stat stat = statIn(read("stat", line));
  if (stat.letter == '\0') return {.state = ThreadState::kGone};
  if (stat.letter == 'S' && isOneOf(kFreezer, waitsIn))
    return {.state = ThreadState::kFrozen, .isForGood = true, .threads = stat.threads};
  const ThreadState state = classifyThread(stat.letter, waitsIn);
  const bool isStill = state == ThreadState::kGone || read("wchan", second) == waitsIn;
  return {.state = isStill ? state : ThreadState::kFinishing, .threads = stat.threads};
}

void add(Evidence& into, RunEvidence& run, ThreadState state) {
  if (state == ThreadState::kGone) return;
  ++into.processes;
  const auto one = [](std::uint32_t& all, std::uint32_t& own) { ++all, ++own; };
  if (state == ThreadState::kFrozen) one(into.frozen, run.frozen);
  if (state == ThreadState::kHeld) one(into.held, run.held);
  if (state == ThreadState::kFinishing) one(into.finishing, run.finishing);
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

void EvidenceReader::count(const Branches& branches, Evidence& into) const {
  read(branches, {.into = into, .known = nullptr});
}

void EvidenceReader::look(Branches& branches, FrozenProcesses& known, Extent extent, Evidence& into) const {
  read(branches, {.into = into, .known = &known, .refutedBy = extent == Extent::kUntilRefuted ? &branches : nullptr});
}

void EvidenceReader::read(const Branches& branches, const Reading& reading) const {
  Evidence& into = reading.into;
  into.runs = into.unowned = into.processes = into.frozen = into.held = into.finishing = 0;
  into.isWhole = true;
  into.listed = 0;
  bool isOver = false;
  const auto keep = [&](RunEvidence& run) {
    isOver = isOver || reading.isOver() ||
             (reading.refutedBy != nullptr && reading.refutedBy->isFrozen() == Branches::Answer::kYes);
    if (run.processes() == 0) return;
    run.isPrepared = isPrepared(run);
    if (!run.isPrepared) ++into.runs;
    if (!run.isPrepared && !run.owner) ++into.unowned;
    if (into.listed < into.list.size()) into.list[into.listed++] = run;
  };
  for (std::size_t i = 0; i < Branches::kCount && !isOver; ++i) {
    const int branch = branches.directory(i);
    // Nobody of ours, but frozen with the branch: told under the branch's own name.
    RunEvidence stray;
    stray.run.append(branches.name(i));
    Reading own = reading;
    if (saysFrozen(branch)) own.known = nullptr;
    readProcesses(branch, stray, own);
    keep(stray);
    const int listed = forEachDirectory(branch, [&](const char* name) {
      if (isOver) return;
      RunEvidence run;
      run.run.append(name);
      if (const UniqueFd group = openQuietly(branch, name, O_RDONLY | O_DIRECTORY)) {
        run.owner = sandbox::readRunOwner(group.get());
        readGroup(group.get(), 0, run, reading);
      } else if (!isGone(errno))
        into.isWhole = false;
      keep(run);
    });
    if (listed != 0) into.isWhole = false;
  }
  if (isOver) into.isWhole = false;
}

void EvidenceReader::readGroup(int group, int depth, RunEvidence& run, Reading reading) const {
  if (reading.known != nullptr && saysFrozen(group)) reading.known = nullptr;
  readProcesses(group, run, reading);
  const int listed = forEachDirectory(group, [&](const char* name) {
    if (reading.isOver()) return;
    const UniqueFd below = openQuietly(group, name, O_RDONLY | O_DIRECTORY);
    const bool isReadable = below && depth < kDeepest;
    if (isReadable)
      readGroup(below.get(), depth + 1, run, reading);
    else if (below || !isGone(errno))
      reading.into.isWhole = false;
  });
  if (listed != 0 && !isGone(listed)) reading.into.isWhole = false;
}

void EvidenceReader::readProcesses(int group, RunEvidence& run, const Reading& reading) const {
  const UniqueFd file = openQuietly(group, "cgroup.procs", O_RDONLY);
  if (!file) {
    if (!isGone(errno)) reading.into.isWhole = false;
    return;
  }
  NumberLines lines(file.get());
  bool isFirst = true;
  for (auto pid = lines.next(); pid && !reading.isOver(); pid = lines.next()) {
    if (std::exchange(isFirst, false)) {
      if (const auto room = std::ranges::find(run.pids, 0); room != run.pids.end()) *room = *pid;
    }
    // Of one that has no number here nothing can be read.
    const bool isKnown = *pid > 0;
    add(reading.into, run,
        !isKnown                   ? ThreadState::kFinishing
        : reading.known == nullptr ? ThreadState::kFrozen
                                   : processState(*pid, *reading.known));
  }
  if (lines.error() != 0 && !isGone(lines.error())) reading.into.isWhole = false;
}

// That of the thread that is furthest from being stopped.
ThreadState EvidenceReader::processState(int pid, FrozenProcesses& known) const {
  if (known.contains(pid)) return ThreadState::kFrozen;
  std::array<char, 64> path;
  (void)std::snprintf(path.data(), path.size(), "%d", pid);
  const Look first = lookAt(proc_.get(), path.data());
  if (first.threads == 1) {
    if (first.isForGood) known.add(pid);
    return first.state;
  }
  (void)std::snprintf(path.data(), path.size(), "%d/task", pid);
  const UniqueFd tasks = openQuietly(proc_.get(), path.data(), O_RDONLY | O_DIRECTORY);
  if (!tasks) return isGone(errno) ? ThreadState::kGone : ThreadState::kFinishing;
  ThreadState worst = ThreadState::kGone;
  const int listed = forEachDirectory(
      tasks.get(), [&](const char* name) { worst = std::max(worst, lookAt(tasks.get(), name).state); });
  return listed == 0 || isGone(listed) ? worst : ThreadState::kFinishing;
}

// What somebody has asked for is theirs. A run has its first process, which stays, and at least another one; whoever
// waits to become one is alone.
bool EvidenceReader::isPrepared(const RunEvidence& run) const {
  if (run.owner || run.processes() != 1 || run.pids[0] == 0) return false;
  std::array<char, 32> path;
  (void)std::snprintf(path.data(), path.size(), "%d/exe", run.pids[0]);
  std::array<char, 512> program;
  const ssize_t size = ::readlinkat(proc_.get(), path.data(), program.data(), program.size());
  const std::string_view name(program.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  return name.substr(std::min(name.size(), name.rfind('/') + 1)).starts_with("ringfence-launcher");
}

bool EvidenceReader::isOf(const RunEvidence& run, std::uint32_t uid) const {
  if (run.owner) return *run.owner == uid;
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
