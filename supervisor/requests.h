// What clients ask, answered: requests become commands or readings, facts and the launcher's reports become answers.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "supervisor/accel_accounts.h"
#include "supervisor/agent_claims.h"
#include "supervisor/api/details.h"
#include "supervisor/awake.h"
#include "supervisor/clients.h"
#include "supervisor/config.h"
#include "supervisor/emergency.h"
#include "supervisor/focus.h"
#include "supervisor/launch.h"
#include "supervisor/logind.h"
#include "supervisor/mediation.h"
#include "supervisor/prunes.h"
#include "supervisor/steering.h"
#include "supervisor/turns.h"
#include "supervisor/warm_slots.h"

namespace ringfence::supervisor {

// A guard that has not taken the rules without a revoked grant by then is named to whoever revoked it.
inline constexpr Milliseconds kRulesPatience = std::chrono::seconds(2);
// Who froze or killed hears of it when the log has that, so that a crash cannot make it nobody's; from a disk that
// takes longer than this they hear without it, because the kernel has done what was asked.
inline constexpr Milliseconds kRecordPatience = std::chrono::seconds(1);

class Requests {
 public:
  struct World {
    const Config& config;
    const Clock& clock;
    const sandbox::KernelFeatures& features;
    const SystemPolicies& policies;
    std::function<void()> lookAtPolicies;  // what was changed on the disk is in force afterwards
    Turns& turns;
    Mediation& mediation;
    Emergency& emergency;
    ResolvedPolicies& resolved;
    Performer& performer;
    AgentLauncher& launcher;
    const OutputSpool* outputs;
    const sandbox::CgroupTree* cgroups;
    Steering& steering;
    Focus* focus;  // null: this machine has nothing to protect with
    const AgentClaims& agents;
    const AccelAccounts& accelerators;
    NodesOf nodesOf;
    WarmSlots& slots;
    Awake& awake;
    Clients& clients;
    Prunes& prunes;
    const LoginLookup& login;
    const LogAccess& log;
    std::function<api::Document()> doctor;
    std::function<void(const std::vector<Error>&)> report;  // failures of effects, for the daemon's own log
  };
  explicit Requests(World world) : world_(std::move(world)), lastPublished_(world_.turns.state().lastQuestion) {}

  void handle(ClientId client, api::Incoming incoming);
  void clientGone(ClientId client);
  // A fact is durable.
  void published(const Fact& fact);
  // What only clients that are attached care about.
  void launcherSaid(const sandbox::LauncherEvent& event);
  void launcherGone();
  // Runs that were adopted: a terminal that nobody is attached to goes to the ring, or its agent would wait for a
  // reader.
  void adopted(const std::vector<sandbox::KeptRun>& kept);
  // The log cannot be written: launches that wait for it are given up.
  void storeFailed(const Error& error);
  // The latch of the emergency stop stays closed: whoever waits for it to open is told why.
  void rearmFailed(const Error& error);
  // At the end of a turn: who revoked a grant is answered when every guard has the rules without it, or time is over.
  void settleRevocations();
  // At the end of a turn: who froze or killed and has waited for the disk for kRecordPatience.
  void answerOverdue();
  // For programs that collect metrics: what `peer` may see, as Prometheus reads it, at most a second old.
  std::shared_ptr<const std::string> metricsFor(const Peer& peer);
  std::optional<Microseconds> nextWake() const;  // boottime

 private:
  struct Asker {
    ClientId client = 0;
    std::uint64_t request = 0;
  };
  struct Follower {
    Asker asker;
    bool foreground = false;
  };
  struct Launching {
    Asker asker;
    bool detached = false;
    std::vector<std::string> notes;
  };
  // Whose Done waits for the disk.
  struct Answering {
    std::uint64_t seq = 0;
    Asker asker;
    api::Done done;
    std::string otherwise;              // what to say where the log cannot be written; empty: done
    std::optional<Microseconds> until;  // boottime when it is told all the same; none: however long it takes
  };
  struct Revoking {
    Asker asker;
    std::uint64_t grant = 0;
    std::vector<Mediation::AwaitedRules> guards;  // that have not taken them
    Microseconds until{};
    std::uint64_t seq = 0;  // of the fact: told when that is durable, or the next daemon would know nothing of it
  };

  void on(Asker asker, api::RunRequest& request, std::vector<UniqueFd> fds);
  void start(Asker asker, api::RunRequest& request, std::vector<UniqueFd> fds);
  void on(Asker asker, const api::ListRuns& request);
  void on(Asker asker, const api::ShowRun& request);
  void on(Asker asker, const api::AttachRun& request);
  void on(Asker asker, const api::ReadOutput& request);
  void on(Asker asker, const api::ActOnRuns& request);
  void on(Asker asker, const api::ReadLog& request);
  void on(Asker asker, const api::VerifyLog& request);
  void on(Asker asker, const api::AskDoctor& request);
  void on(Asker asker, const api::ReadUsage& request);
  void on(Asker asker, const api::SendSignal& request);
  void on(Asker asker, const api::TrustFile& request);
  void on(Asker asker, const api::Detach& request);
  void on(Asker asker, const api::ReadPending& request);
  void on(Asker asker, const api::AnswerQuestion& request);
  void on(Asker asker, const api::ListGrants& request);
  void on(Asker asker, const api::RevokeGrant& request);
  void on(Asker asker, const api::AskWhy& request);
  void on(Asker asker, const api::AskPrice& request);
  void on(Asker asker, const api::SetFocus& request);
  void on(Asker asker, const api::Rearm& request);
  void on(Asker asker, const api::PruneHomes& request) { world_.prunes.ask(asker.client, asker.request, request); }

  void onFact(const Fact& fact, const ActionAsked& body);
  void onFact(const Fact& fact, const AskJoined& body);
  void onFact(const Fact& fact, const AskLeft& body);
  void onFact(const Fact& fact, const ActionAnswered& body);
  void onFact(const Fact& fact, const ActionsAllowed& body);
  void onFact(const Fact& fact, const RunStarted& body) { began(fact.run, body.pid); }  // adopted meanwhile
  void onFact(const Fact& fact, const RunFrozen& body);
  void onFact(const Fact& fact, const RunResumed& body);
  void onFact(const Fact& fact, const RunRefused& body);
  void onFact(const Fact& fact, const RunEnded& body);
  void onFact(const Fact& fact, const EmergencyStopped& body);
  void onFact(const Fact& fact, const LatchReleased& body);
  template <typename Body>
  void onFact(const Fact&, const Body&) {}

  const Peer& peerOf(const Asker& asker) const;
  Peer personOf(const Asker& asker) const;
  void answer(const Asker& asker, const api::Answer& answer, api::Last last = api::Last::kYes,
              std::vector<UniqueFd> fds = {});
  void refuse(const Asker& asker, const Error& error) { answer(asker, api::refusalOf(error)); }
  Result<Outcome> submit(const Command& command);
  Result<const Run*> findControllableRun(const Peer& peer, const std::string& text) const;
  std::optional<Milliseconds> graceOf(const RunId& run) const;
  // The seq of the fact.
  Result<std::uint64_t> act(const Peer& peer, api::Verb verb, const RunId& run);
  std::vector<const Run*> visibleRuns(const Peer& peer, bool alsoEnded) const;
  api::UsageReading usageOf(const Run& run) const;
  api::RunDetails detailsOf(const Run& run, api::Detail detail) const;
  void readSeries(Asker asker, const api::ReadUsage& request);
  Result<UniqueFd> outputOf(const Run& run) const;
  void leave(const RunId& run, const Follower& follower);
  void began(const RunId& id, std::int32_t pid);
  bool refusedByLatch(Asker asker);
  api::StopState stopState() const;
  std::vector<std::string> heldByStop(const Peer& peer) const;
  void tellEnd(const RunId& run, const api::RunEvent& end);
  void removed(const RunId& run);
  void tellFollowers(const RunId& run, const api::RunEvent& what);
  void tellWatchers(const RunId& run, std::uint32_t ownerUid, const api::Answer& what);
  // To all who watch and may see it; to whoever is attached to its run.
  void tellCard(const Question& question);
  // A rewrite must not lead to what is forbidden.
  Result<void> checkRewrite(const Peer& peer, const api::AnswerQuestion& request) const;
  Result<void> checkSurface(const Peer& peer, const api::AnswerQuestion& request) const;
  api::Refusal lateness(const Revoking& revoking) const;
  api::Refusal notRecorded(const Revoking& revoking) const;
  void answerWhenDurable(Answering answering);
  void answersDurable(std::uint64_t seq);
  void answersFailed(const Error& error);
  RunTerms termsOf(const RunId& run, const Prepared& prepared, const api::RunRequest& request,
                   const policy::Document& document);
  void setDraining(const RunId& run, bool draining);

  struct Watcher {
    Asker asker;
    RunId run;  // empty: of all
  };
  // Readings and texts that serve whoever asks within kMetricsFreshFor.
  struct Metrics {
    Microseconds at{};
    std::map<RunId, api::UsageReading> readings;
    std::map<std::tuple<std::uint32_t, bool, bool>, std::shared_ptr<const std::string>> texts;  // by who asks
  };

  World world_;
  std::uint64_t lastPublished_ = 0;  // of questions
  LaunchMemory launchMemory_;
  NameService names_;
  std::map<RunId, Launching> launching_;
  std::multimap<RunId, Follower> followers_;
  std::vector<Watcher> watchers_;
  std::deque<Answering> answering_;  // in the order of seq
  // By grant: when a guard last told, on the wall clock, that it allowed by it. Of those in force, since this start.
  std::map<std::uint64_t, Microseconds> grantsUsed_;
  std::vector<Revoking> revoking_;
  std::vector<Asker> rearming_;
  Metrics metrics_;
  // Ended and not removed yet. Followers hear of an end when it is durable and nothing of the run is left.
  std::map<RunId, std::optional<api::RunEvent>> leaving_;  // with the answer, when it is durable
};

}  // namespace ringfence::supervisor
