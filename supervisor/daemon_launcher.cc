// What the launcher tells the daemon: that it is there, that it is gone, and how its runs begin and end.
#include <algorithm>

#include "supervisor/core/lookup.h"
#include "supervisor/daemon.h"

namespace ringfence::supervisor {
namespace {

// A slot for the next run is made when the one that began is over, or after this long: until then the launcher has that
// run to look after.
constexpr Milliseconds kRefillDelay{100};
constexpr Microseconds kPauseAfterEnd{300};

}  // namespace

void Daemon::launcherNews(std::vector<LinkNews> news) {
  for (const LinkNews& one : news) std::visit([this](const auto& what) { on(what); }, one);
  afterTurn();
}

void Daemon::on(const LinkUp& news) {
  std::optional<std::set<RunId>> frozen;
  if (world_.cgroups != nullptr) {
    frozen.emplace();
    for (const sandbox::KeptRun& kept : news.kept) {
      // What was asked, not what has come of it: who waits for a person is not frozen, and does not go on either.
      const auto setting = world_.cgroups->freezeSetting(kept.run, kept.priority);
      if (setting && (setting->run || setting->agent)) frozen->insert(kept.run);
    }
  }
  // What the guards of a run that ended meanwhile have still said belongs before its end.
  for (const sandbox::KeptRun& kept : news.kept) {
    if (kept.state != sandbox::KeptState::kEnded) continue;
    mediation_.open(kept.run, Mediation::Since::kAnotherDaemon);
    agents_.open(kept.run);
    mediation_.drain(kept.run);
    agents_.drain(kept.run);
    closeRun(kept.run);
  }
  while (!leaving_.empty()) partFrom(*leaving_.begin());  // Of those whose launcher ended nobody says any more.
  submit(
      LauncherConnected{news.pid, news.kept, std::move(frozen), isLocked() ? UnknownRuns::kHold : UnknownRuns::kEnd});
  requests_.adopted(news.kept);
  for (const sandbox::KeptRun& kept : news.kept) {
    mediation_.open(kept.run, Mediation::Since::kAnotherDaemon);
    agents_.open(kept.run);
  }
  if (isLocked()) return;  // Nothing is made ready, and whose groups those are is not known.
  removeStrayGroups(news.kept);
  refill();
}

// Forked ahead into groups that are held now, which a release would leave held: the next run would be born into one.
void Daemon::latched() { slots_.abandonAll(); }

void Daemon::refill() {
  refillAt_.reset();
  if (emergency_.isLatched()) return;
  slots_.refill(lastPriority_);
}

// Groups that belong to nobody: of a slot that an earlier daemon asked for, of a run that ended with everybody dead.
void Daemon::removeStrayGroups(const std::vector<sandbox::KeptRun>& kept) {
  if (world_.cgroups == nullptr) return;
  auto found = world_.cgroups->list();
  if (!found) return report({found.error()});
  for (const auto& group : *found) {
    const bool isLiveRun = findLive(state(), group.run) != nullptr;
    const bool isKept = std::ranges::any_of(kept, [&](const sandbox::KeptRun& one) { return one.run == group.run; });
    if (isLiveRun || isKept || slots_.owns(group.run)) continue;
    if (auto removed = performer_.perform(RemoveGroup{group.run, group.priority}); !removed) report({removed.error()});
  }
}

void Daemon::on(const LinkDown& news) {
  world_.say("the launcher is away: " + news.reason);
  slots_.launcherGone();
  submit(LauncherGone{news.reason});
  requests_.launcherGone();
}

// Nobody of the run is left.
void Daemon::partFrom(RunId run) {
  mediation_.drain(run);
  mediation_.close(run);
  leaving_.erase(run);
}

void Daemon::closeRun(const RunId& run) {
  mediation_.close(run);
  agents_.close(run);
}

void Daemon::on(const sandbox::LauncherEvent& event) {
  if (const auto* prepared = std::get_if<sandbox::Prepared>(&event)) {
    slots_.prepared(prepared->run);
    return refill();
  }
  if (const auto* failed = std::get_if<sandbox::LaunchFailed>(&event); failed != nullptr && slots_.lost(failed->run))
    return;  // No run of anybody. The next launch forks for itself and says what is wrong.
  if (const auto* began = std::get_if<sandbox::Started>(&event)) {
    if (const Run* run = findKnown(state(), began->run)) lastPriority_ = run->what.priority;
  }
  if (const auto* died = std::get_if<sandbox::GuardDied>(&event))
    return mediation_.guardDied({died->run, died->kind}, died->why);
  if (const auto* owner = std::get_if<sandbox::OwnerFound>(&event)) return mediation_.ownerFound(*owner);
  // Where an earlier one was not heard any more, the one in its place is.
  if (const auto* guard = std::get_if<sandbox::GuardStarted>(&event))
    return mediation_.open(guard->run, Mediation::Since::kItsStart);
  const auto* ended = std::get_if<sandbox::Ended>(&event);
  const auto* unbuilt = std::get_if<sandbox::LaunchFailed>(&event);
  if (ended != nullptr) {
    mediation_.drain(ended->run);
    agents_.drain(ended->run);
  }
  submit(LauncherSaid{event, {}});
  // Its guards end after it, and say then what they counted and told nobody yet.
  if (ended != nullptr) {
    agents_.close(ended->run);
    leaving_.insert(ended->run);
  }
  if (const auto* removed = std::get_if<sandbox::Removed>(&event)) partFrom(removed->run);
  if (unbuilt != nullptr) closeRun(unbuilt->run);
  if (const auto* built = std::get_if<sandbox::Built>(&event)) {
    mediation_.open(built->run, Mediation::Since::kItsStart);
    agents_.open(built->run);
  }
  requests_.launcherSaid(event);
  // Its client is answered first: to fork ahead takes the launcher a millisecond or two.
  if (std::holds_alternative<sandbox::Removed>(event) || std::holds_alternative<sandbox::LaunchFailed>(event))
    refillAt_ = world_.clock.now().boottime + kPauseAfterEnd;
  if (std::holds_alternative<sandbox::Started>(event) && !refillAt_)
    refillAt_ = world_.clock.now().boottime + kRefillDelay;
}

}  // namespace ringfence::supervisor
