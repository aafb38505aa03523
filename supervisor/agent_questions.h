// What agents ask before they act. The policy of the run answers at once; what it asks about becomes a question of the
// run, as those of its guards do, under a number made of what was asked: so an agent that asks again after its
// connection or the daemon was lost gets the same answer, and nobody is asked twice. Nothing that is answered here lets
// anything happen: the walls judge what is really done.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/agent_launcher.h"
#include "supervisor/api/agent_server.h"
#include "supervisor/mediation.h"
#include "supervisor/record_allowance.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxOpenGuards = 32;        // of one run, that wait for an answer
inline constexpr std::size_t kMaxKeptVerdicts = 256;     // of one run, for whoever asks again
inline constexpr Bytes kMaxKeptVerdictBytes{512 << 10};  // of their texts; the last is kept whatever it has
inline constexpr std::size_t kMaxUnwrittenGuards = 64;   // different ones, on their way into the log together
inline constexpr Bytes kMaxUnwrittenBytes{128 << 10};
inline constexpr Milliseconds kOrphanPatience = std::chrono::seconds(5);

// By which the log knows it: of its id and of what it is about. Below 2^53, as readers of JSON can hold it.
std::uint64_t askNumber(const api::AgentGuard& guard);
// What the run's policy says. Beyond it, as for guards: a fence's own places may be used.
policy::Verdict judgeOwn(const policy::Judge& judge, const policy::Places& places, const policy::Action& action);

class AgentQuestions {
 public:
  using Asked = api::AgentServer::Asked;
  struct World {
    AgentLauncher& launcher;
    const Clock& clock;
    Turns& turns;
    Mediation& mediation;
    std::function<void(const Asked&, const api::AgentAnswer&)> answer;
    std::function<bool(std::uint64_t connection)> isConnected;
    std::function<void(const std::vector<Error>&)> report;
  };
  explicit AgentQuestions(World world) : world_(std::move(world)) {}

  // Answered now, or when it is settled.
  void ask(Asked asked);
  // The answers among these.
  void perform(const std::vector<GuardEffect>& effects);

  // Those of an earlier daemon that are open still: whoever asked connects and asks again, or they end.
  void adopt(const RunId& run);
  // What was answered is written before the run's end is.
  void drain(const RunId& run);
  void close(const RunId& run) { runs_.erase(run); }

  // Connections came or went.
  void lookAtConnections();
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime

 private:
  struct Open {
    std::string id;  // empty: an earlier daemon's, whose id is not known
    policy::Action action;
    sandbox::GuardRule rule;
    std::vector<Asked> waiting;
    std::optional<Microseconds> orphanedAt;  // boottime
  };
  struct Kept {
    std::uint64_t number = 0;
    api::AgentVerdict verdict;
  };
  struct Noted {
    bool isAllowance = false;
    sandbox::Record record;
  };
  struct Unwritten {
    std::vector<Noted> records;
    std::uint64_t bytes = 0;
    std::uint64_t omitted = 0;
    std::optional<Microseconds> at;
  };
  struct OfRun {
    std::map<std::uint64_t, Open> open;
    std::map<std::string, Kept, std::less<>> kept;  // by the agent's own id
    std::deque<std::string> keptOrder;              // the oldest first
    Bytes keptBytes{0};
    std::vector<sandbox::Ask> tooMany;  // to be refused together
    std::optional<Microseconds> refuseAt;
    Unwritten unwritten;
    RecordAllowance allowance;
    std::string policyHash;
  };

  bool answerAgain(OfRun& of, const Asked& asked, std::uint64_t number);
  void decide(const Run& run, OfRun& of, Asked asked, std::uint64_t number);
  void raise(const Run& run, OfRun& of, Asked asked, std::uint64_t number, sandbox::GuardRule rule);
  void settle(const RunId& run, const sandbox::Answer& answer);
  void keep(OfRun& of, const std::string& id, std::uint64_t number, const api::AgentVerdict& verdict);
  void tellDenied(const RunId& run, const policy::Action& action, const sandbox::GuardRule& rule,
                  const api::AgentVerdict& verdict);
  void note(const RunId& run, OfRun& of, const policy::Action& action, const policy::Verdict& verdict);
  void write(const RunId& run, OfRun& of);
  void refuseTooMany(const RunId& run, OfRun& of);
  void endOrphans(const RunId& run, OfRun& of);
  bool submit(const Command& command);

  World world_;
  std::map<RunId, OfRun> runs_;
};

}  // namespace ringfence::supervisor
