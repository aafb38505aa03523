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
// No call but guard() blocks for longer than Options::timeout (time in which the run is frozen does not count), and
// none throws for what the daemon does: it yields nothing or false then, and trouble() says why. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
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
  // one, and counts once. One that is refused as invalid is not kept.
  std::optional<AgentTotals> reportUsage(const AgentUsage& usage);
  // Sends what is kept. True: nothing is left.
  bool flush();

  // What it does now, shown to people as its own words. Cut at 1 KiB; empty takes it back. `hook`: of a program that an
  // agent calls, the agent's event that called it, at most 64 bytes.
  bool say(std::string_view text, std::string_view hook = {});
  // Freezes the run, this program included, until the person that owns it lets it go on; true then. False: nobody heard
  // it, and the program goes on.
  bool stop(std::string_view why);
  // What was done so far is kept somewhere: to be ended now costs nothing.
  bool safePoint();
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

  // While it lives, and for at most so long, a hold of the governor is put off as `priority.preempt_grace` of the
  // policy allows. It must not outlive its Agent.
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
  [[nodiscard]] CriticalSection criticalSection(std::chrono::seconds length);

 private:
  class Link;
  std::unique_ptr<Link> link_;
};

}  // namespace ringfence
