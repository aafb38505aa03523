// The daemon without its loop: everything that happens in the world comes in through these methods, one a turn, and
// what follows has happened when they return. Tests drive it with a clock, a log and a launcher of their own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "supervisor/accelerators.h"
#include "supervisor/agent_desk.h"
#include "supervisor/awake.h"
#include "supervisor/clients.h"
#include "supervisor/config.h"
#include "supervisor/emergency.h"
#include "supervisor/focus.h"
#include "supervisor/group_watch.h"
#include "supervisor/launcher_link.h"
#include "supervisor/logind.h"
#include "supervisor/mediation.h"
#include "supervisor/pending_freezes.h"
#include "supervisor/prices.h"
#include "supervisor/prunes.h"
#include "supervisor/recording.h"
#include "supervisor/requests.h"
#include "supervisor/steering.h"
#include "supervisor/system_policies.h"
#include "supervisor/turns.h"
#include "supervisor/warm_slots.h"

namespace ringfence::supervisor {

class Daemon {
 public:
  struct World {
    const Config& config;
    const Clock& clock;
    sandbox::KernelFeatures features;
    std::string bootId;
    Store& store;
    DiskReserve* reserve = nullptr;  // absent: the log has no room of its own on a full disk
    std::string locked = {};         // why this is a locked start (open_log.h); empty: it is none
    LogAccess log;
    AgentLauncher& launcher;
    OutputSpool* outputs = nullptr;          // absent: nothing is kept of what a run wrote
    PrivateHomes* homes = nullptr;           // absent: no private home can be removed
    sandbox::CgroupTree* cgroups = nullptr;  // absent: launches and group effects fail, and say so
    const MeterRoots* meters = nullptr;      // absent: nothing is metered, so nobody is governed
    AccelWatch* accelerators = nullptr;      // absent: no GPU or NPU is metered
    int root = -1;                           // of the machine, for the focus; -1: there is none
    std::string ownGroup;                    // of this process, in the unified hierarchy; empty: the root
    std::optional<StopProgram> stop{};       // absent: there is no ringfence-stop, nothing can be stopped by it
    LoginLookup login{};                     // absent: who asks needs no login session
    RescheduleTicker* ticker = nullptr;      // absent: the kernel is left to choose who has a processor
    UniqueFd processorLatency{};             // absent: processors sleep whenever they have nothing to do
    std::function<void(std::vector<Sample>)> keepSamples = [](const auto&) {};
    std::function<void(const std::string&)> say;  // one line for the daemon's own log
  };
  Daemon(World world, State state);

  void begin();
  void end(const std::string& reason);
  // Reads all of them again. Without it, those that changed are read when a run wants one.
  void reloadPolicies() { lookAtPolicies(SystemPolicies::Reading::kAlways); }

  std::shared_ptr<const std::string> metricsFor(const Peer& peer) { return requests_.metricsFor(peer); }

  ClientId connected(UniqueFd socket, api::PeerIdentity identity);
  void clientReady(ClientId client, bool readable, bool writable);
  void launcherNews(std::vector<LinkNews> news);
  void stopNews(const std::vector<StopNews>& news);
  void storeReady();
  void outputsReady();
  void homesReady();
  void acceleratorsReady();
  // What the kernel tells of the runs' control groups, for the loop to watch; -1: nothing.
  int groupsFd() const { return groupWatch_.fd(); }
  void groupsReady();
  // Whatever is due: deadlines of runs and sessions, the log's next try.
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime

  const State& state() const { return turns_.state(); }
  bool everythingDurable() const { return turns_.durableSeq() >= turns_.state().lastSeq; }
  bool isLocked() const { return !world_.locked.empty(); }
  // The log cannot be written, and only another start may help.
  bool isLogHopeless() const { return !isLocked() && recording_.isHopeless(); }
  Clients& clients() { return clients_; }
  // Their descriptors are the loop's to watch.
  Mediation& mediation() { return mediation_; }
  // Of the agents' own sockets, for the loop to watch; -1: there are none.
  int standstillsFd() { return performer_.standstills().fd(); }
  void standstillsReady();
  int agentsFd() const { return agents_.fd(); }
  void agentsReady();
  void guardReady(Mediation::LinkId link, bool readable, bool writable);
  // Connections that are over: whoever watches their descriptors stops that, then says remove.
  std::vector<ClientId> finished() const;
  void remove(ClientId client);
  void killAll(const std::string& reason);

 private:
  void afterTurn();
  void submit(const Command& command);
  void removeStrayGroups(const std::vector<sandbox::KeptRun>& kept);
  void on(const LinkUp& news);
  void on(const LinkDown& news);
  void on(const sandbox::LauncherEvent& news);
  void announce(const governor::Proposal& proposal);
  void closeRun(const RunId& run);
  void partFrom(RunId run);
  void refill();
  void prunePolicies();
  void noteStandstills();
  void lookAtTime();
  void latched();
  void report(const std::vector<Error>& failures);
  void lookAtPolicies(SystemPolicies::Reading reading);
  api::Document doctor();
  Focus* focus();
  RunActivity::Told networkOf(const RunId& run) const;

  World world_;
  SystemPolicies policies_;
  ResolvedPolicies resolved_;
  Performer performer_;
  Turns turns_;
  Recording recording_;
  GroupWatch groupWatch_;
  PriceFiles prices_;
  Mediation mediation_;
  AgentDesk agents_;
  Emergency emergency_;
  Accelerators accelerators_;
  Steering steering_;
  PendingFreezes pendingFreezes_;
  std::optional<Focus> focus_;
  WarmSlots slots_;
  Awake awake_;
  Clients clients_;
  Prunes prunes_;
  Requests requests_;
  std::set<RunId> leaving_;  // ended, and its guards may still say something
  std::optional<Microseconds> refillAt_;
  std::optional<Microseconds> notBefore_;  // when time could not be looked at: the next try
  bool moreToRead_ = false;
  policy::PriorityClass lastPriority_ = policy::PriorityClass::kBackground;
};

}  // namespace ringfence::supervisor
