// The daemon without its loop: everything that happens in the world comes in through these methods, one a turn, and
// what follows has happened when they return. Tests drive it with a clock, a log and a launcher of their own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/clients.h"
#include "supervisor/config.h"
#include "supervisor/launcher_link.h"
#include "supervisor/mediation.h"
#include "supervisor/requests.h"
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
    LogAccess log;
    AgentLauncher& launcher;
    OutputSpool* outputs = nullptr;               // absent: nothing is kept of what a run wrote
    sandbox::CgroupTree* cgroups = nullptr;       // absent: launches and group effects fail, and say so
    std::function<void(const std::string&)> say;  // one line for the daemon's own log
  };
  Daemon(World world, State state);

  void begin();
  void end(const std::string& reason);
  // Reads all of them again. Without it, those that changed are read when a run wants one.
  void reloadPolicies() { lookAtPolicies(SystemPolicies::Reading::kAlways); }

  ClientId connected(UniqueFd socket, api::PeerIdentity identity);
  void clientReady(ClientId client, bool readable, bool writable);
  void launcherNews(std::vector<LinkNews> news);
  void storeReady();
  void outputsReady();
  // Whatever is due: deadlines of runs and sessions, the log's next try.
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime

  const State& state() const { return turns_.state(); }
  bool everythingDurable() const { return turns_.durableSeq() >= turns_.state().lastSeq; }
  Clients& clients() { return clients_; }
  // Their descriptors are the loop's to watch.
  Mediation& mediation() { return mediation_; }
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
  void refill();
  void lookAtTime();
  void report(const std::vector<Error>& failures);
  void lookAtPolicies(SystemPolicies::Reading reading);
  api::Document doctor();

  World world_;
  SystemPolicies policies_;
  ResolvedPolicies resolved_;
  Performer performer_;
  Turns turns_;
  Mediation mediation_;
  WarmSlots slots_;
  Clients clients_;
  Requests requests_;
  std::optional<Microseconds> nextStoreTry_;
  std::optional<Microseconds> refillAt_;
  std::optional<Microseconds> notBefore_;  // when time could not be looked at: the next try
  bool moreLog_ = false;
  policy::PriorityClass lastPriority_ = policy::PriorityClass::kBackground;
};

}  // namespace ringfence::supervisor
