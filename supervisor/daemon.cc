#include "supervisor/daemon.h"

#include <algorithm>
#include <set>

#include "supervisor/core/cards.h"
#include "supervisor/doctor.h"

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kStoreRetryInterval{1000};
// A slot for the next run is made when the one that began is over, or after this long: until then the launcher has that
// run to look after.
constexpr Milliseconds kRefillDelay{100};
constexpr Microseconds kPauseAfterEnd{300};

}  // namespace

Daemon::Daemon(World world, State state)
    : world_(std::move(world)),
      policies_(world_.config.policyDirs),
      resolved_(world_.config.stateDir + "/policies"),
      performer_(world_.launcher, world_.cgroups, world_.outputs, world_.clock),
      turns_(std::move(state), world_.store, performer_, world_.clock, world_.bootId),
      mediation_({.launcher = world_.launcher,
                  .clock = world_.clock,
                  .turns = turns_,
                  .policies = resolved_,
                  .bootId = world_.bootId,
                  .say = [this](const std::string& line) { world_.say(line); },
                  .report = [this](const std::vector<Error>& failures) { report(failures); }}),
      slots_(world_.launcher),
      requests_({.config = world_.config,
                 .clock = world_.clock,
                 .features = world_.features,
                 .policies = policies_,
                 .lookAtPolicies = [this] { lookAtPolicies(SystemPolicies::Reading::kWhenChanged); },
                 .turns = turns_,
                 .mediation = mediation_,
                 .resolved = resolved_,
                 .performer = performer_,
                 .launcher = world_.launcher,
                 .outputs = world_.outputs,
                 .cgroups = world_.cgroups,
                 .slots = slots_,
                 .clients = clients_,
                 .log = world_.log,
                 .doctor = [this] { return doctor(); },
                 .report = [this](const std::vector<Error>& failures) { report(failures); }}) {}

void Daemon::begin() {
  reloadPolicies();
  submit(DaemonBegan{RINGFENCE_VERSION, world_.features.release});
  submit(TimePassed{});
  std::set<std::string> inUse;
  for (const auto& [id, run] : state().runs) inUse.insert(termsOf(run).resolved);
  resolved_.prune(inUse);
  afterTurn();
}

void Daemon::end(const std::string& reason) {
  submit(DaemonEnds{reason});
  afterTurn();
}

// A file that does not load is said once here; whoever wants that policy gets the diagnostics.
void Daemon::lookAtPolicies(SystemPolicies::Reading reading) {
  for (const std::string& line : policies_.look(world_.clock.now().wall, reading)) world_.say(line);
}

api::Document Daemon::doctor() {
  lookAtPolicies(SystemPolicies::Reading::kWhenChanged);
  Findings findings = look(world_.config, world_.features, policies_);
  if (world_.cgroups == nullptr) findings.groupsTrouble = "could not be made at start; see the daemon's log";
  findings.logTrouble = turns_.storeFailure() ? turns_.storeFailure()->message : "";
  if (!state().launcherReady) findings.launcher += " (not connected)";
  return describe(findings, judge(findings));
}

void Daemon::submit(const Command& command) {
  auto outcome = turns_.submit(command);
  if (!outcome) return report({outcome.error()});
  report(outcome->failures);
}

void Daemon::report(const std::vector<Error>& failures) {
  for (const Error& failure : failures) world_.say(failure.message);
}

// ---- clients

ClientId Daemon::connected(UniqueFd socket, api::PeerIdentity identity) {
  return clients_.add(std::move(socket), std::move(identity), world_.clock.now());
}

void Daemon::clientReady(ClientId id, bool readable, bool writable) {
  Client* client = clients_.find(id);
  if (client == nullptr) return;
  if (writable) client->session.flush(world_.clock.now());
  if (readable) {
    for (api::Incoming& incoming : client->session.receive(world_.clock.now()))
      requests_.handle(id, std::move(incoming));
  }
  afterTurn();
}

std::vector<ClientId> Daemon::finished() const {
  std::vector<ClientId> over;
  for (const auto& [id, client] : clients_.all()) {
    if (client.session.finished()) over.push_back(id);
  }
  return over;
}

void Daemon::remove(ClientId client) {
  clients_.all().erase(client);
  requests_.clientGone(client);
  afterTurn();
}

// ---- launcher

void Daemon::launcherNews(std::vector<LinkNews> news) {
  for (const LinkNews& one : news) std::visit([this](const auto& what) { on(what); }, one);
  afterTurn();
}

void Daemon::on(const LinkUp& news) {
  std::optional<std::set<RunId>> frozen;
  if (world_.cgroups != nullptr) {
    frozen.emplace();
    for (const sandbox::KeptRun& kept : news.kept) {
      auto isFrozen = world_.cgroups->isFrozen(kept.run, kept.priority);
      if (isFrozen && *isFrozen) frozen->insert(kept.run);
    }
  }
  // What the guards of a run that ended meanwhile have still said belongs before its end.
  for (const sandbox::KeptRun& kept : news.kept) {
    if (kept.state != sandbox::KeptState::kEnded) continue;
    mediation_.open(kept.run, Mediation::Since::kAnotherDaemon);
    mediation_.drain(kept.run);
    mediation_.close(kept.run);
  }
  submit(LauncherConnected{news.pid, news.kept, std::move(frozen)});
  requests_.adopted(news.kept);
  for (const sandbox::KeptRun& kept : news.kept) mediation_.open(kept.run, Mediation::Since::kAnotherDaemon);
  removeStrayGroups(news.kept);
  refill();
}

void Daemon::refill() {
  refillAt_.reset();
  slots_.refill(lastPriority_);
}

// Groups that belong to nobody: of a slot that an earlier daemon asked for, of a run that ended with everybody dead.
void Daemon::removeStrayGroups(const std::vector<sandbox::KeptRun>& kept) {
  if (world_.cgroups == nullptr) return;
  auto found = world_.cgroups->list();
  if (!found) return report({found.error()});
  for (const auto& group : *found) {
    const auto live = state().runs.find(group.run);
    const bool isLiveRun = live != state().runs.end() && isLive(live->second);
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

void Daemon::on(const sandbox::LauncherEvent& event) {
  if (const auto* prepared = std::get_if<sandbox::Prepared>(&event)) {
    slots_.prepared(prepared->run);
    return slots_.refill(lastPriority_);
  }
  if (const auto* failed = std::get_if<sandbox::LaunchFailed>(&event); failed != nullptr && slots_.lost(failed->run))
    return;  // No run of anybody. The next launch forks for itself and says what is wrong.
  if (const auto* began = std::get_if<sandbox::Started>(&event)) {
    const auto run = state().runs.find(began->run);
    if (run != state().runs.end()) lastPriority_ = run->second.what.priority;
  }
  if (const auto* died = std::get_if<sandbox::GuardDied>(&event))
    return mediation_.guardDied({died->run, died->kind}, died->why);
  if (const auto* owner = std::get_if<sandbox::OwnerFound>(&event)) return mediation_.ownerFound(*owner);
  // Where an earlier one was not heard any more, the one in its place is.
  if (const auto* guard = std::get_if<sandbox::GuardStarted>(&event))
    return mediation_.open(guard->run, Mediation::Since::kItsStart);
  const auto* ended = std::get_if<sandbox::Ended>(&event);
  const auto* unbuilt = std::get_if<sandbox::LaunchFailed>(&event);
  if (ended != nullptr) mediation_.drain(ended->run);
  submit(LauncherSaid{event, {}});
  if (ended != nullptr) mediation_.close(ended->run);
  if (unbuilt != nullptr) mediation_.close(unbuilt->run);
  if (const auto* built = std::get_if<sandbox::Built>(&event)) mediation_.open(built->run, Mediation::Since::kItsStart);
  requests_.launcherSaid(event);
  // Its client is answered first: to fork ahead takes the launcher a millisecond or two.
  if (std::holds_alternative<sandbox::Removed>(event) || std::holds_alternative<sandbox::LaunchFailed>(event))
    refillAt_ = world_.clock.now().boottime + kPauseAfterEnd;
  if (std::holds_alternative<sandbox::Started>(event) && !refillAt_)
    refillAt_ = world_.clock.now().boottime + kRefillDelay;
}

void Daemon::guardReady(Mediation::LinkId link, bool readable, bool writable) {
  mediation_.ready(link, readable, writable);
  afterTurn();
}

// ---- log and time

void Daemon::lookAtTime() {
  const Now now = world_.clock.now();
  const auto deadline = nextDeadline(state(), now);
  if (!deadline || *deadline > now.boottime || (notBefore_ && now.boottime < *notBefore_)) return;
  notBefore_.reset();
  auto outcome = turns_.submit(TimePassed{});
  if (!outcome) notBefore_ = now.boottime + kStoreRetryInterval;
  report(outcome ? outcome->failures : std::vector<Error>{outcome.error()});
}

void Daemon::storeReady() {
  Turns::Released released = turns_.release();
  report(released.failures);
  for (const Fact& fact : released.facts) {
    requests_.published(fact);
    if (std::holds_alternative<RunEnded>(fact.body) || std::holds_alternative<RunRefused>(fact.body))
      mediation_.close(fact.run);
  }
  if (released.storeFailed) {
    world_.say("the log cannot be written: " + released.storeFailed->message + "; nothing is started until it can");
    requests_.storeFailed(*released.storeFailed);
  }
  mediation_.wake();
  if (turns_.storeFailure() && !nextStoreTry_) nextStoreTry_ = world_.clock.now().boottime + kStoreRetryInterval;
  if (!turns_.storeFailure() && nextStoreTry_) {
    nextStoreTry_.reset();
    world_.say("the log can be written again");
  }
  afterTurn();
}

void Daemon::outputsReady() {
  if (world_.outputs == nullptr) return;
  for (const OutputSpool::Finished& one : world_.outputs->finish()) {
    if (!one.written) {
      world_.say("the output of " + one.run.text() + " cannot be kept: " + one.written.error().message +
                 "; until the daemon restarts 'ringfence logs' has it");
    }
    performer_.outputKept(one.run);
  }
  afterTurn();
}

void Daemon::wake() {
  const Now now = world_.clock.now();
  for (const RunId& run : performer_.takeFired()) submit(TimerFired{run});
  report(performer_.retryRemovals());
  lookAtTime();
  mediation_.wake();
  for (auto& [id, client] : clients_.all()) client.session.expire(now);
  if (refillAt_ && now.boottime >= *refillAt_) refill();
  if (nextStoreTry_ && now.boottime >= *nextStoreTry_) {
    nextStoreTry_ = now.boottime + kStoreRetryInterval;
    world_.store.retry();
  }
  afterTurn();
}

std::optional<Microseconds> Daemon::nextWake() const {
  std::optional<Microseconds> next = performer_.nextWake();
  const auto consider = [&](std::optional<Microseconds> at) {
    if (at) next = std::min(next.value_or(Microseconds::max()), *at);
  };
  consider(nextStoreTry_);
  consider(refillAt_);
  consider(mediation_.nextWake());
  const Now now = world_.clock.now();
  if (auto deadline = nextDeadline(state(), now)) consider(std::max(*deadline, notBefore_.value_or(Microseconds{0})));
  if (moreLog_) consider(now.boottime);
  for (const auto& [id, client] : clients_.all()) {
    const auto deadline = client.session.deadline();
    if (deadline) consider(now.boottime + std::max(*deadline - now.monotonic, Microseconds{0}));
  }
  return next;
}

// What one turn leaves behind: launches that could not be sent, runs that ended, readers of the log, connections that
// are over.
void Daemon::afterTurn() {
  for (const sandbox::LaunchFailed& failed : performer_.takeFailedLaunches()) submit(LauncherSaid{failed, {}});
  for (auto effects = performer_.takeForGuards(); !effects.empty(); effects = performer_.takeForGuards())
    mediation_.perform(std::move(effects));
  if (auto tended = turns_.tend(); !tended) report({tended.error()});
  performer_.settleEnded();
  moreLog_ = clients_.pumpLogs(state(), turns_.durableSeq(), world_.log, world_.clock.now());
}

void Daemon::killAll(const std::string& reason) {
  std::vector<RunId> live;
  for (const auto& [id, run] : state().runs) {
    if (isLive(run)) live.push_back(id);
  }
  for (const RunId& run : live) submit(KillRun{Peer{0, true, true}, run, reason});
  afterTurn();
}

}  // namespace ringfence::supervisor
