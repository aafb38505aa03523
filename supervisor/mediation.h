// The guards of all live runs: what they say becomes commands, what follows is told to them, and each has the rules
// that its run goes by. A guard is heard only while the log can be written: until then its calls wait.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "supervisor/agent_launcher.h"
#include "supervisor/guard_link.h"
#include "supervisor/performer.h"
#include "supervisor/record_allowance.h"
#include "supervisor/resolved_policies.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

inline constexpr Milliseconds kRingDelay{200};      // from the first allowed action to its way into the log
inline constexpr Milliseconds kOverflowDelay{200};  // at most, until asks that are too many are refused together
inline constexpr Milliseconds kTrafficInterval = std::chrono::minutes(1);
inline constexpr Milliseconds kOwnerPatience{500};  // a question waits so long for who made its connection
inline constexpr Milliseconds kOmittedDelay = std::chrono::seconds(10);  // records that were too many, told together
inline constexpr std::size_t kMaxGuardBacklog = 1024;                    // facts on their way to the disk
inline constexpr std::size_t kMaxHeldAsks = 1024;                        // of one guard, to be refused

class PriceTable;

class Mediation {
 public:
  struct World {
    AgentLauncher& launcher;
    const Clock& clock;
    Turns& turns;
    ResolvedPolicies& policies;
    std::string bootId;
    const PriceTable* prices = nullptr;  // null: no cost is estimated
    std::function<void(const std::string&)> say;
    std::function<void(const std::vector<Error>&)> report;
  };
  explicit Mediation(World world) : world_(std::move(world)) {}

  // ---- runs

  // The policy that it goes by, and the values of its credentials, in its order. These are known to this daemon alone:
  // a guard that is told none by the next one keeps those that it has, and one that starts later has none.
  void admitted(const RunId& run, std::shared_ptr<const policy::Document> document,
                std::vector<sandbox::CredentialValue> credentials);
  enum class Since { kItsStart, kAnotherDaemon };
  // Its guards can be heard: those of which the launcher handed up an end and that are not heard already.
  void open(const RunId& run, Since since);
  // Before its end is recorded: what its guards have still said, and what they allowed. And once more when nobody of it
  // is left, as they end after it.
  void drain(const RunId& run);
  void close(const RunId& run);  // nothing is heard any more
  void guardDied(const GuardName& guard, const std::string& why);
  void ownerFound(const sandbox::OwnerFound& found);

  // The rules that it goes by, with what was granted. Fails with kNotFound when they are lost.
  Result<policy::Document> rulesOf(const Run& run) const;
  policy::Places placesOf(const Run& run) const;
  // The same made ready to judge, until they change. Of a live run.
  struct ReadyRules {
    std::shared_ptr<const policy::Judge> judge;
    std::string hash;
  };
  Result<ReadyRules> judgeOf(const Run& run);

  // A guard of a live run, and the first of its rules in which everything until now is heeded.
  struct AwaitedRules {
    GuardName guard;
    std::uint64_t generation = 0;
  };
  // Those that the guards of that run are sent next. A run whose guards are not there yet has none to wait for: they
  // begin with those rules.
  std::vector<AwaitedRules> awaitRules(const RunId& run) const;
  // It may still judge by older ones. One that died has a successor, which finds what was sent before it too.
  bool lacks(const AwaitedRules& awaited) const;

  // What the run's egress said last of its connections. Null: it has none, or said nothing yet.
  struct NetworkSaid {
    sandbox::NetworkActivity activity;
    Microseconds at{};  // boottime
  };
  const NetworkSaid* networkOf(const RunId& run) const;

  // ---- the loop's: descriptors by link, never by guard, because another link of the same guard may follow one that is
  // over

  using LinkId = std::uint64_t;
  struct Socket {
    LinkId id = 0;
    int fd = -1;
    bool wantsRead = false;
    bool wantsWrite = false;
  };
  std::vector<Socket> sockets() const;
  std::vector<LinkId> finished() const;
  // Whoever watches the descriptor of a link that is finished has stopped that.
  void remove(LinkId id) { links_.erase(id); }
  void ready(LinkId id, bool readable, bool writable);
  // What is due, and what waited for the log.
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime

  void perform(std::vector<GuardEffect> effects);

 private:
  // Who made the connection that the first event in an inbox asks about. What came after that waits with it.
  struct Search {
    std::uint64_t ticket = 0;
    Microseconds until{};
    std::optional<sandbox::OwnerFound> found = std::nullopt;
  };
  struct Link {
    GuardLink link;
    std::deque<sandbox::GuardEvent> inbox = {};  // heard and not yet recorded
    std::vector<sandbox::Ask> tooMany = {};
    std::optional<Microseconds> refuseAt = std::nullopt;
    std::optional<Microseconds> drainAt = std::nullopt;
    std::optional<sandbox::Traffic> traffic = std::nullopt;  // not yet recorded
    std::optional<Microseconds> trafficAt = std::nullopt;
    std::uint64_t omitted = 0;  // records that were too many
    std::optional<Microseconds> omittedAt = std::nullopt;
    std::optional<Microseconds> hearAt = std::nullopt;  // the first of the inbox may be recorded then
    bool toldRules = false;                             // and not yet heard from since
    std::uint64_t taken = 0;                            // generation of the rules that it said are in force
    bool failureTold = false;
    std::optional<Search> search = std::nullopt;
    bool lastWords = false;  // the run is over: nobody is looked for any more
    bool adopted = false;    // an earlier daemon may have told it that its run is held
  };
  struct Rules {
    std::shared_ptr<const policy::Document> document;
    std::uint64_t generation = 0;
    std::map<std::uint64_t, std::string> hashes;  // of the last generations
    std::optional<ReadyRules> ready = std::nullopt;
    std::optional<Microseconds> endsAt = std::nullopt;  // by the wall clock: something in them is over then
  };

  const Link* find(const GuardName& guard) const;
  Link* find(const GuardName& guard);
  std::uint64_t nextGeneration(const RunId& run) const;
  bool openOne(const Run& run, sandbox::GuardKind kind, Since since);
  Result<std::shared_ptr<const policy::Document>> documentOf(const Run& run) const;
  void sendRules(const RunId& run, Link* only);
  static void awaitEnd(Rules& known, const policy::Document& rules);
  void renewRules(Microseconds wall);
  std::string hashOf(const RunId& run) const;
  bool canRecord() const;
  bool submit(const Command& command);
  void work(Link& link);
  // False: it cannot be recorded at the moment.
  bool take(Link& link, const sandbox::GuardEvent& event);
  bool takeLast(Link& link, const sandbox::GuardEvent& event);
  void hearOut(Link& link);
  bool on(Link& link, const sandbox::GuardHello& event);
  bool on(Link& link, const sandbox::Ask& event);
  bool on(Link& link, const sandbox::Withdraw& event);
  bool on(Link& link, const sandbox::Record& event);
  bool on(Link& link, const sandbox::Performed& event);
  bool on(Link& link, const sandbox::Traffic& event);
  bool on(Link& link, const sandbox::RulesInForce& event);
  bool on(Link& link, const sandbox::ActionsWaiting& event);
  bool on(Link& link, const sandbox::NetworkActivity& event);
  bool on(Link& link, const sandbox::HoldReport& event);
  bool on(Link& link, const sandbox::ModelAnswers& event);
  void tellHold(Link& link);
  Microseconds refusalOf(const Link& link, const Run& run, const sandbox::Ask& ask);
  bool findOwner(Link& link, const Run& run, sandbox::GuardedAction& action);
  void refuseTooMany(Link& link);
  void recordTraffic(Link& link);
  void recordOmitted(Link& link);
  bool takeOrWait(Link& link, Bytes weight);
  enum class Waits { kNobody, kItsGuard };
  bool recordOf(Link& link, const sandbox::Record& event, Waits waits);
  enum class Extent { kSome, kAll };
  void drainRing(Link& link, Extent extent);
  void tellFailures();

  World world_;
  std::map<LinkId, Link> links_;
  LinkId nextLink_ = 1;
  std::uint64_t nextTicket_ = 1;
  bool deaf_ = false;                                // the log could not be written when this was looked at last
  std::map<GuardName, RecordAllowance> allowances_;  // of live runs: a guard that takes another's place has its rest
  std::map<RunId, std::vector<sandbox::CredentialValue>> credentials_;
  std::map<RunId, NetworkSaid> network_;
  mutable std::map<RunId, Rules> rules_;
};

}  // namespace ringfence::supervisor
