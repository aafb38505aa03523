// What follows from the launcher's reports on single runs.
#include <algorithm>

#include "supervisor/core/deciding.h"
#include "supervisor/core/later.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

bool isKilled(const Run& run) {
  const auto* stopping = std::get_if<Stopping>(&run.life);
  return stopping != nullptr && stopping->killed;
}

RunRefused endedBeforeItBegan(const Run& run) {
  const auto* stopping = std::get_if<Stopping>(&run.life);
  if (stopping != nullptr && stopping->latched.value_or(false))
    return {.token = "latched", .message = "the emergency stop came before it had started", .exitCode = 7};
  return {.token = "stopped", .message = "stopped before it started", .exitCode = 125};
}

// A wall that is down and was not admitted as weakened. The launcher ends such a launch itself; this is the second
// look.
const sandbox::WallReading* findFallenWall(const Run& run, const std::vector<sandbox::WallReading>& posture) {
  for (const sandbox::WallReading& reading : posture) {
    const auto isThis = [&](const sandbox::Weakening& weakening) { return weakening.wall == reading.wall; };
    if (!reading.up && std::ranges::none_of(run.what.weakened, isThis)) return &reading;
  }
  return nullptr;
}

void refuseLaunch(Deciding& deciding, const Run& run, RunRefused refusal) {
  deciding.atOnce(RemoveGroup{run.id, run.what.priority});
  const std::uint64_t seq = deciding.record(run.id, std::move(refusal));
  deciding.tellLauncher(seq, sandbox::Forget{run.id});
}

void said(Deciding& deciding, const sandbox::Built& event, const FinalUsage&) {
  const Run* run = findLive(deciding.state(), event.run);
  if (run == nullptr || isKilled(*run)) {
    // Ended before it was built, or never admitted: nothing of it may start.
    deciding.tellLauncher(0, sandbox::Abandon{event.run});
    if (run == nullptr)
      removeStrayGroups(deciding, event.run);
    else
      deciding.atOnce(KillGroup{run->id, run->what.priority});
    return;
  }
  if (!std::holds_alternative<Requested>(run->life)) return;
  if (const auto* wall = findFallenWall(*run, event.posture)) {
    deciding.tellLauncher(0, sandbox::Abandon{run->id});
    refuseLaunch(deciding, *run,
                 {.token = std::string(storedName(wall->wall)),
                  .message = "the wall is not up: wanted " + wall->wanted + ", got " + wall->got,
                  .exitCode = 125});
    return;
  }
  deciding.record(run->id, RunBuilt{event.posture, event.notes, event.initPid});
  // What must be durable is the decision to run this. The reading of the walls need not be: it is proved already, and
  // when it is lost in a crash the next start says so. A launcher of an earlier build heard its release too early.
  deciding.tellLauncher(run->admittedSeq, sandbox::Release{run->id});
}

void said(Deciding& deciding, const sandbox::Started& event, const FinalUsage&) {
  const Run* run = findLive(deciding.state(), event.run);
  if (run == nullptr) {
    removeStrayGroups(deciding, event.run);
    deciding.record(event.run,
                    DifferenceFound{"the launcher started a run that is not in the log as live", "killed it"});
    return;
  }
  if (commandPid(run->life) != 0) return;
  if (isKilled(*run)) deciding.atOnce(KillGroup{run->id, run->what.priority});
  deciding.record(run->id, RunStarted{event.pid});
}

void said(Deciding& deciding, const sandbox::LaunchFailed& event, const FinalUsage& usage) {
  const Run* run = findLive(deciding.state(), event.run);
  if (run == nullptr) {
    removeStrayGroups(deciding, event.run);
    deciding.tellLauncher(0, sandbox::Forget{event.run});
  } else if (commandPid(run->life) != 0) {
    deciding.atOnce(RemoveGroup{run->id, run->what.priority});
    const std::uint64_t seq = recordEnd(deciding, *run,
                                        RunEnded{.exit = {},
                                                 .outOfMemory = false,
                                                 .note = noteOfEnd(*run, event.message),
                                                 .usage = usage,
                                                 .later = laterOf(*run)});
    deciding.tellLauncher(seq, sandbox::Forget{run->id});
  } else if (isKilled(*run)) {
    refuseLaunch(deciding, *run, endedBeforeItBegan(*run));
  } else {
    const int exitCode = event.exitCode == 126 || event.exitCode == 127 ? event.exitCode : 125;
    refuseLaunch(deciding, *run, {.token = event.token, .message = event.message, .exitCode = exitCode});
  }
}

void said(Deciding& deciding, const sandbox::Ended& event, const FinalUsage& read) {
  const Run* run = findLive(deciding.state(), event.run);
  if (run == nullptr) {
    removeStrayGroups(deciding, event.run);
    deciding.tellLauncher(0, sandbox::Forget{event.run});
  } else if (isKilled(*run) && commandPid(run->life) == 0) {
    refuseLaunch(deciding, *run, endedBeforeItBegan(*run));
  } else {
    const FinalUsage usage = read == FinalUsage{} ? finalUsage(event.usage) : read;
    std::string note = event.outOfMemory ? noteOfMemory(*run, usage, event.note) : event.note;
    const std::uint64_t seq = recordEnd(deciding, *run,
                                        RunEnded{.exit = event.exit,
                                                 .outOfMemory = event.outOfMemory,
                                                 .note = noteOfEnd(*run, std::move(note)),
                                                 .usage = usage,
                                                 .later = laterOf(*run)});
    deciding.tellLauncher(seq, sandbox::Forget{run->id});
  }
}

// The connection's own business (Welcome, Kept, …), and a stopped command, which only its terminal shows.
void said(Deciding&, const auto&, const FinalUsage&) {}

}  // namespace

void decideLauncherSaid(Deciding& deciding, const LauncherSaid& command) {
  std::visit([&](const auto& event) { said(deciding, event, command.usage); }, command.event);
}

}  // namespace ringfence::supervisor
