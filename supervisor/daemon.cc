#include "supervisor/daemon.h"

#include <algorithm>
#include <set>

#include "supervisor/core/cards.h"
#include "supervisor/core/latch.h"
#include "supervisor/doctor.h"
#include "supervisor/told_prices.h"

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kTimeRetryInterval{1000};

}  // namespace

Daemon::Daemon(World world, State state)
    : world_(std::move(world)),
      policies_(world_.config.policyDirs),
      resolved_(world_.config.stateDir + "/policies"),
      performer_(world_.launcher, world_.cgroups, world_.outputs, world_.clock),
      turns_(std::move(state), world_.store, performer_, world_.clock, world_.bootId),
      recording_({.turns = turns_,
                  .store = world_.store,
                  .clock = world_.clock,
                  .reserve = world_.reserve,
                  .submit = [this](const Command& command) { submit(command); },
                  .say = [this](const std::string& line) { world_.say(line); }}),
      groupWatch_({.clock = world_.clock,
                   .turns = turns_,
                   .features = world_.features,
                   .cgroups = world_.cgroups,
                   .launcher = world_.launcher,
                   .root = world_.root,
                   .submit = [this](const Command& command) { submit(command); },
                   .say = [this](const std::string& line) { world_.say(line); }}),
      prices_(priceFilesBeside(world_.config.policyDirs)),
      mediation_({.launcher = world_.launcher,
                  .clock = world_.clock,
                  .turns = turns_,
                  .policies = resolved_,
                  .bootId = world_.bootId,
                  .prices = &prices_.inForce(),
                  .say = [this](const std::string& line) { world_.say(line); },
                  .report = [this](const std::vector<Error>& failures) { report(failures); }}),
      agents_({.launcher = world_.launcher,
               .clock = world_.clock,
               .turns = turns_,
               .mediation = mediation_,
               .prices = &prices_.inForce(),
               .readyToPause = [this] { steering_.hurry(); },
               .costOf = [this](const RunId& run, Milliseconds hold) { return costsForAgent(steering_, run, hold); },
               .say = [this](const std::string& line) { world_.say(line); },
               .report = [this](const std::vector<Error>& failures) { report(failures); }}),
      emergency_({.clock = world_.clock,
                  .turns = turns_,
                  .program = world_.stop,
                  .say = [this](const std::string& line) { world_.say(line); },
                  .report = [this](const std::vector<Error>& failures) { report(failures); },
                  .rearmFailed = [this](const Error& error) { requests_.rearmFailed(error); },
                  .latched = [this] { latched(); },
                  .opened = [this] { refill(); }}),
      accelerators_({.clock = world_.clock, .turns = turns_, .cgroups = world_.cgroups, .watch = world_.accelerators}),
      steering_({.clock = world_.clock,
                 .turns = turns_,
                 .roots = world_.meters,
                 .cgroups = world_.cgroups,
                 .accelerators = accelerators_.accounts(),
                 .ownGroup = world_.ownGroup,
                 .network = [this](const RunId& run) { return networkOf(run); },
                 .agents = agents_.claims(),
                 .ticker = world_.ticker,
                 .announce = [this](const governor::Proposal& proposal) { announce(proposal); },
                 .keep = world_.keepSamples,
                 .report = [this](const std::vector<Error>& failures) { report(failures); }},
                world_.config.governor),
      pendingFreezes_({.clock = world_.clock,
                       .turns = turns_,
                       .agents = agents_.claims(),
                       .report = [this](const std::vector<Error>& failures) { report(failures); }}),
      slots_(world_.launcher),
      awake_(std::move(world_.processorLatency)),
      prunes_({.clock = world_.clock,
               .turns = turns_,
               .clients = clients_,
               .homes = world_.homes,
               .say = [this](const std::string& line) { world_.say(line); }}),
      requests_({.config = world_.config,
                 .clock = world_.clock,
                 .features = world_.features,
                 .policies = policies_,
                 .lookAtPolicies = [this] { lookAtPolicies(SystemPolicies::Reading::kWhenChanged); },
                 .turns = turns_,
                 .mediation = mediation_,
                 .emergency = emergency_,
                 .resolved = resolved_,
                 .performer = performer_,
                 .launcher = world_.launcher,
                 .outputs = world_.outputs,
                 .cgroups = world_.cgroups,
                 .steering = steering_,
                 .focus = focus(),
                 .agents = agents_.claims(),
                 .accelerators = accelerators_.accounts(),
                 .nodesOf = [this](AccelKind kind) { return accelerators_.nodes(kind); },
                 .slots = slots_,
                 .awake = awake_,
                 .clients = clients_,
                 .prunes = prunes_,
                 .login = world_.login,
                 .log = world_.log,
                 .doctor = [this] { return doctor(); },
                 .report = [this](const std::vector<Error>& failures) { report(failures); }}) {}

// Made before whoever answers requests.
Focus* Daemon::focus() {
  if (world_.root < 0) return nullptr;
  focus_.emplace(Focus::World{.clock = world_.clock,
                              .root = world_.root,
                              .features = world_.features,
                              .file = world_.config.stateDir + "/focus",
                              .bootId = world_.bootId,
                              .say = [this](const std::string& line) { world_.say(line); }});
  return &*focus_;
}

RunActivity::Told Daemon::networkOf(const RunId& run) const {
  const Mediation::NetworkSaid* said = mediation_.networkOf(run);
  if (said == nullptr) return {};
  using Network = RunActivity::Network;
  const sandbox::NetworkActivity& activity = said->activity;
  const Network network = activity.state == sandbox::NetworkState::kStreaming ? Network::kStreaming
                          : activity.state == sandbox::NetworkState::kWaiting ? Network::kWaiting
                                                                              : Network::kQuiet;
  // It may say what it likes: a turn that ended before the run did anything costs nothing to believe.
  const auto quietFor = static_cast<Microseconds::rep>(std::min<std::uint64_t>(activity.quietForMs, 60'000));
  return {network, activity.turns, said->at - Milliseconds(quietFor)};
}

void Daemon::begin() {
  reloadPolicies();
  submit(DaemonBegan{RINGFENCE_VERSION, world_.features.release});
  emergency_.begin();
  submit(TimePassed{});
  recording_.begin();
  prunes_.begin();
  if (isLocked()) return storeReady();  // Which runs there are, and so which policies are in use, is not known.
  prunePolicies();
  afterTurn();
}

void Daemon::prunePolicies() {
  std::set<std::string> inUse;
  for (const auto& [id, run] : state().runs) inUse.insert(termsOf(run).resolved);
  resolved_.prune(inUse);
}

void Daemon::end(const std::string& reason) {
  submit(DaemonEnds{reason});
  afterTurn();
}

// A file that does not load is said once here; whoever wants that policy gets the diagnostics.
void Daemon::lookAtPolicies(SystemPolicies::Reading reading) {
  for (const std::string& line : policies_.look(world_.clock.now().wall, reading)) world_.say(line);
  for (const std::string& line : prices_.look()) world_.say(line);
}

api::Document Daemon::doctor() {
  lookAtPolicies(SystemPolicies::Reading::kWhenChanged);
  Findings findings = look(world_.config, world_.features, policies_);
  if (world_.cgroups == nullptr) findings.groupsTrouble = "could not be made at start; see the daemon's log";
  findings.accelerators = AcceleratorFindings{.present = accelerators_.hasDevices(),
                                              .stuckFor = accelerators_.stuckFor(),
                                              .blind = accelerators_.accounts().blind(),
                                              .devices = accelerators_.accounts().devices()};
  if (world_.cgroups != nullptr) findings.placement = world_.cgroups->placement();
  findings.reschedules = world_.ticker != nullptr;
  findings.foregroundGroups = steering_.foregroundGroups();
  findings.stop = StopFindings{emergency_.presence(), state().latch ? describe(*state().latch) : ""};
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
  // Until it is looked at again, when that matters.
  if (world_.login && identity.peer.uid != 0) identity.peer.login = Login::kAbsent;
  return clients_.add(std::move(socket), std::move(identity), world_.clock.now());
}

void Daemon::clientReady(ClientId id, bool readable, bool writable) {
  Client* client = clients_.find(id);
  if (client == nullptr) return;
  if (readable) {
    for (api::Incoming& incoming : client->session.receive(world_.clock.now()))
      requests_.handle(id, std::move(incoming));
  }
  if (writable) client->session.flush(world_.clock.now());
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

// ---- the emergency stop

void Daemon::stopNews(const std::vector<StopNews>& news) {
  for (const StopNews& one : news) emergency_.hear(one);
  afterTurn();
}

void Daemon::guardReady(Mediation::LinkId link, bool readable, bool writable) {
  mediation_.ready(link, readable, writable);
  afterTurn();
}

// What the governor will do to a run, for its agent.
void Daemon::announce(const governor::Proposal& proposal) {
  if (proposal.step == governor::Step::kAnnounce)
    agents_.announce(proposal.run, proposal.within, proposal.reason, proposal.limit);
  else
    agents_.withdraw(proposal.run, proposal.reason);
}

void Daemon::agentsReady() {
  agents_.ready();
  afterTurn();
}

// ---- log and time

void Daemon::lookAtTime() {
  const Now now = world_.clock.now();
  const auto deadline = nextDeadline(state(), now);
  if (!deadline || *deadline > now.boottime || (notBefore_ && now.boottime < *notBefore_)) return;
  notBefore_.reset();
  auto outcome = turns_.submit(TimePassed{});
  if (!outcome) notBefore_ = now.boottime + kTimeRetryInterval;
  report(outcome ? outcome->failures : std::vector<Error>{outcome.error()});
}

void Daemon::storeReady() {
  Turns::Released released = turns_.release();
  report(released.failures);
  noteStandstills();
  for (const Fact& fact : released.facts) {
    requests_.published(fact);
    steering_.published(fact);
    accelerators_.published(fact);
    agents_.published(fact);
    const bool isOver = std::holds_alternative<RunEnded>(fact.body) || std::holds_alternative<RunRefused>(fact.body);
    if (isOver && !leaving_.contains(fact.run)) closeRun(fact.run);
  }
  agents_.durable();
  if (released.storeFailed) {
    requests_.storeFailed(*released.storeFailed);
    prunes_.storeFailed(*released.storeFailed);
  }
  recording_.released(released.storeFailed);
  mediation_.wake();
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

void Daemon::homesReady() {
  prunes_.ready();
  afterTurn();
}

void Daemon::acceleratorsReady() {
  accelerators_.ready();
  afterTurn();
}

void Daemon::standstillsReady() {
  performer_.standstills().look();
  noteStandstills();
  afterTurn();
}

void Daemon::noteStandstills() {
  for (const Standstills::Taken& one : performer_.standstills().take()) steering_.took(one);
}

void Daemon::groupsReady() {
  groupWatch_.ready();
  afterTurn();
}

void Daemon::wake() {
  const Now now = world_.clock.now();
  for (const RunId& run : performer_.takeFired()) submit(TimerFired{run});
  report(performer_.retryRemovals());
  lookAtTime();
  mediation_.wake();
  agents_.wake();
  accelerators_.wake();
  steering_.wake();
  if (focus_) focus_->wake();
  emergency_.wake();
  awake_.wake(now.boottime);
  for (auto& [id, client] : clients_.all()) client.session.expire(now);
  if (refillAt_ && now.boottime >= *refillAt_) refill();
  recording_.wake();
  groupWatch_.wake();
  afterTurn();
}

std::optional<Microseconds> Daemon::nextWake() const {
  std::optional<Microseconds> next = performer_.nextWake();
  const auto consider = [&](std::optional<Microseconds> at) {
    if (at) next = std::min(next.value_or(Microseconds::max()), *at);
  };
  consider(recording_.nextWake());
  consider(groupWatch_.nextWake());
  consider(refillAt_);
  consider(mediation_.nextWake());
  consider(agents_.nextWake());
  consider(requests_.nextWake());
  consider(pendingFreezes_.nextWake());
  consider(accelerators_.nextWake());
  consider(steering_.nextWake());
  if (focus_) consider(focus_->nextWake(steering_.nextWake().has_value()));
  consider(awake_.nextWake());
  consider(emergency_.nextWake());
  const Now now = world_.clock.now();
  if (auto deadline = nextDeadline(state(), now)) consider(std::max(*deadline, notBefore_.value_or(Microseconds{0})));
  if (moreToRead_) consider(now.boottime);
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
  pendingFreezes_.settle();
  for (auto effects = performer_.takeForGuards(); !effects.empty(); effects = performer_.takeForGuards()) {
    agents_.perform(effects);
    mediation_.perform(std::move(effects));
  }
  if (performer_.takeRelease()) emergency_.release();
  prunes_.perform(performer_.takeHomes());
  requests_.settleRevocations();
  requests_.answerOverdue();
  if (auto tended = turns_.tend(); !tended) report({tended.error()});
  performer_.settleEnded();
  if (resolved_.isPruneDue()) prunePolicies();
  groupWatch_.settle();
  const bool moreLog = clients_.pumpLogs(state(), turns_.durableSeq(), world_.log, world_.clock.now());
  const bool moreSeries = clients_.pumpSeries(world_.log, world_.clock.now());
  moreToRead_ = moreLog || moreSeries;
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
