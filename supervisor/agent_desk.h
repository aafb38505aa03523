// What agents ask over their own sockets becomes commands about their own runs, and answers. A report is answered when
// it cannot be lost any more; the brake, at once.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/agent_claims.h"
#include "supervisor/agent_launcher.h"
#include "supervisor/agent_leases.h"
#include "supervisor/agent_notices.h"
#include "supervisor/agent_questions.h"
#include "supervisor/api/agent_server.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

class PriceTable;

class AgentDesk {
 public:
  struct World {
    AgentLauncher& launcher;
    const Clock& clock;
    Turns& turns;
    Mediation& mediation;
    const PriceTable* prices = nullptr;  // null: no cost is estimated
    std::function<void()> readyToPause;  // an agent said that a hold may come at once
    // What a hold so long would cost a run now, or its end. Fails when nothing is known of it yet.
    std::function<Result<api::AgentInterruptionCosts>(const RunId&, Milliseconds)> costOf;
    std::function<void(const std::string&)> say;
    std::function<void(const std::vector<Error>&)> report;
  };
  explicit AgentDesk(World world);

  // Readable when ready() has something to do; -1: nobody is heard, which was said.
  int fd() const { return server_ ? server_->fd() : -1; }
  void ready();
  // What is due.
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime
  // Facts up to the turns' durable one are on the disk.
  void durable();
  // A fact is durable.
  void published(const Fact& fact);
  // The governor will hold that run, or will not after all.
  void announce(const RunId& run, Microseconds within, const std::string& why, const std::string& limit) {
    notices_.announce(run, Announcer::kGovernor, within, why, limit);
  }
  void withdraw(const RunId& run, const std::string& relief) { notices_.withdraw(run, Announcer::kGovernor, relief); }
  // The answers to what agents asked before they acted, among these.
  void perform(const std::vector<GuardEffect>& effects) { questions_.perform(effects); }

  // The programs of that run can be heard, where the launcher handed up its socket.
  void open(const RunId& run);
  // Before its end is recorded: what they had still said.
  void drain(const RunId& run);
  void close(const RunId& run);

  const AgentClaims& claims() const { return claims_; }

 private:
  using Asked = api::AgentServer::Asked;
  struct Waiting {
    std::uint64_t seq = 0;
    Asked asked;
    api::AgentTotals totals;
  };
  void handle(std::vector<Asked> asked);
  void count(const RunId& run, std::vector<Asked> asked);
  void writeReports(const RunId& run);
  // At once.
  api::AgentAnswer answerTo(const Asked& asked);
  void safePoint(const RunId& run, Microseconds redo);
  void lookAtConnections();
  api::AgentAnswer selfOf(const RunId& run) const;
  api::AgentAnswer brake(const RunId& run, const std::string& why);
  api::AgentAnswer lastDenial(const RunId& run) const;
  api::AgentAnswer grant(const RunId& run, const api::AgentCriticalSection& asked);
  api::AgentAnswer costOf(const RunId& run, Milliseconds hold) const;
  api::AgentTotals totalsOf(const RunId& run) const;
  void answer(const Asked& asked, const api::AgentAnswer& answer);

  World world_;
  std::optional<api::AgentServer> server_;
  AgentClaims claims_;
  AgentQuestions questions_;
  AgentNotices notices_;
  AgentLeases leases_;
  // Reports of a run that are not written yet, and when all facts that its reports made have been earned.
  struct Reporting {
    std::vector<Asked> late;
    Microseconds until{};  // boottime
  };
  std::map<RunId, Reporting> reporting_;
  std::deque<Waiting> waiting_;  // in the order of seq; bounded by what connections may have unanswered
};

}  // namespace ringfence::supervisor
