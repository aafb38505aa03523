// For a program inside a Ringfence fence: tells the daemon about the run that it is in, and asks about it. Outside a
// fence every call does nothing and says so. Nothing here makes a fence stronger or weaker. Standard library only,
// C++17.
//
//   ringfence::Agent agent;
//   agent.say("reading the tests");
//   agent.reportUsage({.model = "small", .inputTokens = 900, .outputTokens = 100});   // (designated: C++20)
//   { const auto section = agent.criticalSection(std::chrono::seconds(3)); migrate(); }
//   agent.safePoint();
//
//   if (agent.guard({.operation = ringfence::AgentAction::Operation::kCall, .target = "deploy"},
//   std::chrono::minutes(10)))
//     deploy();
//
// No call but guard() and lease() blocks for longer than AgentOptions::timeout (time in which the run is frozen does
// not count), and none throws for what the daemon does: it yields nothing or false then, and trouble() says why. A lost
// connection is tried anew at most four times a second, and calls between return at once; a daemon that is silent is
// waited for once, and until it says something again calls return at once. whoami(), stop() and flush() alone wait and
// try for all of their time. One thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence {

struct AgentOptions {
  std::string socket = {};  // empty: the one that $RINGFENCE_AGENT_SOCKET names
  std::chrono::milliseconds timeout{2000};
};

struct AgentIdentity {
  std::string run, name, policyName, policyHash;
};

// What one call to a model used.
struct AgentUsage {
  std::string model;  // at most 64 bytes
  std::uint64_t inputTokens = 0, outputTokens = 0;
  std::optional<double> costUsd = {};                  // absent: not known, which is not 0
  std::map<std::string, std::uint64_t> counters = {};  // at most 8; names of a to z, 0 to 9 and _
  // 1 to 64 bytes: a report with one that was counted already is not counted again. Empty: every call counts.
  std::string id = {};
};

// Of the run so far.
struct AgentTotals {
  std::uint64_t inputTokens = 0, outputTokens = 0, reports = 0;
  std::optional<double> costUsd;             // told, and of other reports by list prices where there are any
  std::optional<std::uint64_t> tokensLimit;  // absent: its policy has none
  bool countedBefore = false;
  std::optional<double> costLimitUsd;  // as tokensLimit
  bool costEstimated = false;          // some of costUsd is list prices times tokens
};

// What the program is about to do.
struct AgentAction {
  enum class Operation { kRead, kWrite, kExec, kConnect, kCall };
  Operation operation = Operation::kCall;
  std::string target;  // a path, "host:port", the name of a tool; kExec: the program, looked for on $PATH
  std::vector<std::string> argv = {};  // kExec: all its words
  std::string inputJson = {};          // kCall: its input as one JSON object, at most 16 KiB; empty: none is told
  std::string words = {};              // why, to the person who is asked; cut at 1 KiB
  // 1 to 64 bytes: asked again with it, the same thing has the same answer, and nobody is asked twice. Empty: every
  // call is another.
  std::string id = {};
};

// Words alone: to be allowed gives no right, and the walls judge what is really done.
struct AgentVerdict {
  bool allowed = false;
  // "allowed", "rewritten" (allowed, as below instead), "forbidden" (by the policy), "denied" (by a person), "expired",
  // "stopped"; "unanswered": nobody said anything yet; "absent": there is nobody to ask; "invalid": see `say`.
  std::string outcome;
  std::string say, rule, fileLine;
  std::vector<std::string> argv;
  std::optional<std::string> path, host, content, inputJson;
  explicit operator bool() const { return allowed; }
};

// The governor, or a person, will freeze the run.
struct AgentPause {
  std::chrono::milliseconds within{};  // then at the latest; sooner when the agent says that it is ready
  std::string why, limit;              // `limit`: below "limits." in the policy; empty: none of the policy's
};
enum class PauseAnswer { kReady, kLater };  // kLater: ready() or safePoint() will be said, or the time passes
// The run goes on.
struct AgentResumed {
  std::chrono::milliseconds held{};  // 0: a pause that was announced did not come
  std::string why;                   // it was held
  std::string heldBy;                // "person", "governor", "agent", "emergency-stop", "daemon"
  std::string relief;                // why it goes on; empty: a person said so
};
// Something that the run wanted to do was not done, or was done in another way.
struct AgentOverride {
  std::string op, target;  // "read", "write", "exec", "connect", "call"; as in AgentAction
  std::string outcome;     // "rewritten", "forbidden", "denied", "expired", "stopped"
  std::string by;          // "person", "rule", "nobody": time was over, or too much was asked
  std::string say, rule, fileLine;
  std::uint64_t count = 1;  // so many alike
  std::vector<std::string> argv;
  std::optional<std::string> path, host;  // what was done in place of it, with argv
};

// What one way to interrupt the run would cost now, as it is predicted. Absent: not known.
struct AgentInterruption {
  double seconds = 0;                            // until it is where it would have been; the hold itself is not counted
  std::optional<double> tokens, workCpuSeconds;  // to be bought again; processor time since the last safe point, lost
  double claimedSeconds = 0;                     // of `seconds`, what is there because the agent said so
  bool forbidden = false;                        // it is not done now, whatever it would cost
  std::string why;                               // the greatest part, in words
  std::optional<std::chrono::milliseconds> cheaperAfter;  // to wait so long would be cheaper
};
struct AgentInterruptionCosts {
  AgentInterruption freeze, freezeAndReclaim, kill;         // with Reclaim: its memory is taken back as well
  std::string activity;                                     // as in agent.proto; empty: not known
  std::optional<std::chrono::milliseconds> sinceSafePoint;  // absent: none is known, a kill loses all since its start
};

class Agent {
 public:
  explicit Agent(AgentOptions options = AgentOptions());
  Agent(Agent&& other) noexcept;
  Agent& operator=(Agent&& other) noexcept;
  ~Agent();

  // Why there is nobody to talk to at all; empty inside a fence.
  std::string absent() const;
  // Why the last call brought nothing; empty: it did. What the daemon refused begins with "invalid: ".
  const std::string& trouble() const;

  std::optional<AgentIdentity> whoami();
  // Totals: the report can be lost no more. Nothing: nobody answered; it is kept (1024 of them) and goes with the next
  // call, and counts once. One that is refused as invalid is not kept.
  std::optional<AgentTotals> reportUsage(const AgentUsage& usage);
  // The same without waiting for anything: it is sent at once where that is possible, else by the next call, poll()
  // too. False: there is nobody to talk to at all, see absent().
  bool reportUsageLater(const AgentUsage& usage);
  // Given up: more than 1024 waited, or one of reportUsageLater() was refused as invalid.
  std::uint64_t lostReports() const;
  // Sends what is kept and waits for that. True: nothing is left.
  bool flush();

  // What it does now, shown to people as its own words. Cut at 1 KiB; empty takes it back. `hook`: of a program that an
  // agent calls, the agent's event that called it, at most 64 bytes.
  bool say(std::string_view text, std::string_view hook = {});
  // The same with how much of it is done.
  bool progress(std::string_view text, unsigned percent);
  // Freezes the run, this program included, until the person that owns it lets it go on; true then. False: nobody heard
  // it, and the program goes on.
  bool stop(std::string_view why);
  // What was done so far is kept somewhere: to be ended now costs nothing but `redo` of work, which would have to be
  // done again all the same. Believed up to what would be lost without it.
  bool safePoint(std::chrono::milliseconds redo = {});
  // What an interruption would cost now, with a hold so long (at most a day). Nothing: nobody answered, or knows yet.
  std::optional<AgentInterruptionCosts> interruptionCost(std::chrono::milliseconds hold = std::chrono::seconds(10));
  // A pause that was announced may come at once. (So it may after safePoint().)
  bool ready();
  // What was denied last, or which limit was reached, as the JSON object that $RINGFENCE_DENIALS has. Nothing: nothing
  // was, or nobody answered (then trouble() says so).
  std::optional<std::string> why();

  // Asks before something is done, and waits as long as that for an answer: what the policy knows it says at once, what
  // it asks about waits for a person. What is not answered is not allowed; the question goes on, and guard() or
  // pollGuard() with the same id waits for the same answer. With this Agent gone for 5 s it ends.
  AgentVerdict guard(const AgentAction& action, std::chrono::milliseconds patience);
  // The same without waiting, for a loop of one's own: the id to poll by. When guardFd() is readable, and now and then
  // (a lost connection is made anew by polling), pollGuard() may have the answer; it has it once.
  std::string startGuard(const AgentAction& action);
  std::optional<AgentVerdict> pollGuard(const std::string& id);
  int guardFd() const;  // -1: no connection now

  // What the run is told unasked, from now on. Callbacks are called by poll() and by nothing else, in its thread. When
  // all of onPause answered kReady, poll() says that too; a pause comes without for memory that runs out, by the
  // emergency stop and by a person who wants it at once, and where the policy has no `priority.preempt_grace`.
  void onPause(std::function<PauseAnswer(const AgentPause&)> callback);
  void onResume(std::function<void(const AgentResumed&)> callback);
  void onOverride(std::function<void(const AgentOverride&)> callback);
  // Calls them for what came, and never waits; how many notices that were. When noticesFd() is
  // readable, and now and then (a lost connection is made anew by polling).
  std::size_t poll();
  int noticesFd() const;                // -1: no connection now
  std::uint64_t missedNotices() const;  // came faster than they were taken (64 are kept)

  // A turn on the NPUs that the run has by its policy: no other program that asked has one meanwhile, of any run. It
  // gives no right. Ends with release() or its own end, and when the run is frozen.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();
    bool isHeld();
    void release();
    const std::vector<std::string>& devices() const { return devices_; }  // as `ringfence top` calls them
    unsigned percent() const { return percent_; }                         // of each, that the run may use
    const std::string& why() const { return why_; }                       // it is not held: "busy: …"; empty: it is
    int fd() const;  // readable when it was lost; -1: it is not held

   private:
    friend class Agent;
    class Held;
    Lease();
    std::unique_ptr<Held> held_;
    std::vector<std::string> devices_;
    unsigned percent_ = 0;
    std::string why_;
  };
  // `device`: "npu" or "gpu" (which no policy gives). Waits for at most so long (an hour) for others to end theirs.
  Lease lease(std::string_view device, std::chrono::milliseconds wait);

  // While it lives, and for at most so long, a hold of the governor is put off as `priority.preempt_grace` of the
  // policy allows. It must not outlive its Agent. `redo`: work that a hold within it would have it do again; believed
  // up to what was done since the last safe point. Where that is less than the time that is left, a hold comes at once.
  class CriticalSection {
   public:
    CriticalSection(CriticalSection&& other) noexcept : agent_(other.agent_), granted_(other.granted_) {
      other.agent_ = nullptr;
    }
    CriticalSection& operator=(CriticalSection&&) = delete;
    ~CriticalSection();
    std::chrono::milliseconds granted() const { return granted_; }  // 0: not at all

   private:
    friend class Agent;
    CriticalSection(Agent* agent, std::chrono::milliseconds granted) : agent_(agent), granted_(granted) {}
    Agent* agent_;
    std::chrono::milliseconds granted_;
  };
  [[nodiscard]] CriticalSection criticalSection(std::chrono::seconds length,
                                                std::optional<std::chrono::milliseconds> redo = {});

 private:
  class Link;
  std::unique_ptr<Link> link_;
};

}  // namespace ringfence
