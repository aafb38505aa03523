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
//   ringfence::AgentAction action;   // the call of a tool, unless it says another
//   action.target = "deploy";
//   if (agent.guard(action, std::chrono::minutes(10))) deploy();
//
// No call but guard() and lease() blocks for longer than AgentOptions::timeout (time in which the run is frozen does
// not count), and none throws for what the daemon does: it yields nothing or false then, and trouble() says why. A lost
// connection is tried anew at most four times a second, and calls between return at once; a daemon that is silent is
// waited for once, and until it says something again calls return at once. whoami(), stop() and flush() alone wait and
// try for all of their time. One thread at a time; after a fork() the child makes an Agent of its own.
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

// How an Agent reaches its daemon.
struct AgentOptions {
  std::string socket = {};                  // its path; empty: the one that $RINGFENCE_AGENT_SOCKET names
  std::chrono::milliseconds timeout{2000};  // for which a call waits at most
};

// The run that a program is in: its id, as $RINGFENCE_RUN, and how people call it; the policy that it was launched
// with, and the SHA-256 of that in hexadecimal.
struct AgentIdentity {
  std::string run, name, policyName, policyHash;
};

// What one call to a model used. What is beyond the bounds is refused as invalid.
struct AgentUsage {
  std::string model;                                   // at most 64 bytes
  std::uint64_t inputTokens = 0, outputTokens = 0;     // each at most 10^12
  std::optional<double> costUsd = {};                  // US dollars, at most 10^6; absent: not known, which is not 0
  std::map<std::string, std::uint64_t> counters = {};  // at most 8 of at most 10^12; names: 1 to 32 of a-z, 0-9 and _
  // 1 to 64 bytes: a report with one that was counted already is not counted again, as long as not more than 256 others
  // of the run came between. Empty: every call counts.
  std::string id = {};
};

// What all programs of the run have reported so far.
struct AgentTotals {
  std::uint64_t inputTokens = 0, outputTokens = 0, reports = 0;  // `reports`: how many they were
  // US dollars: what was told, and of other reports list prices where there are any. Absent: not known.
  std::optional<double> costUsd;
  std::optional<std::uint64_t> tokensLimit;  // of those in and out together; absent: its policy has none
  bool countedBefore = false;                // a report with this id was counted, so this one was not
  std::optional<double> costLimitUsd;        // US dollars; absent: its policy has none
  bool costEstimated = false;                // some of costUsd is list prices times tokens
};

// What the program is about to do.
struct AgentAction {
  // What is done with the target.
  enum class Operation { kRead, kWrite, kExec, kConnect, kCall };
  Operation operation = Operation::kCall;
  // kRead, kWrite: a path. kExec: the program, a path or looked for on $PATH. kConnect: "host:port". kCall: the name of
  // a tool, at most 256 bytes. The others have at most 4096 bytes.
  std::string target;
  std::vector<std::string> argv = {};  // kExec: all its words, at most 256, together 32 KiB
  std::string inputJson = {};          // kCall: its input as one JSON object, at most 16 KiB; empty: none is told
  std::string words = {};              // why, to the person who is asked, as the agent's own; cut at 1 KiB
  // 1 to 64 bytes: asked again with it, the same thing has the same answer, and nobody is asked twice, as long as not
  // more than 256 others of the run were answered since; for another thing it is invalid. Empty: every call is another.
  std::string id = {};
};

// What was said to an AgentAction. Words alone: to be allowed gives no right, and the walls judge what is really done.
struct AgentVerdict {
  bool allowed = false;
  // "allowed", "rewritten" (allowed, as below instead), "forbidden" (by the policy), "denied" (by a person), "expired",
  // "stopped"; "unanswered": nobody said anything yet; "absent": there is nobody to ask; "invalid": see `say`.
  std::string outcome;
  // `say`: words of the person or of the rule, or why there is no answer. `rule`, `fileLine`: which one decided or
  // asked, and where it is written; empty: none did, or nowhere.
  std::string say, rule, fileLine;
  // "rewritten": what is to be done in place of what was asked; what is empty or absent is as it was asked.
  std::vector<std::string> argv;
  std::optional<std::string> path, host, content, inputJson;  // as argv; `content`: read in place of the file's
  // Whether it is allowed.
  explicit operator bool() const { return allowed; }
};

// The governor, or a person, will freeze the run.
struct AgentPause {
  std::chrono::milliseconds within{};  // then at the latest; sooner when the agent says that it is ready
  std::string why, limit;  // `limit`: below "limits." in the policy, as "wall_time"; empty: none of the policy's
};
// kLater: ready() or safePoint() will be said, or the time passes.
enum class PauseAnswer { kReady, kLater };
// The run goes on.
struct AgentResumed {
  std::chrono::milliseconds held{};  // 0: a pause that was announced did not come
  std::string why;                   // it was held
  std::string heldBy;                // "person", "governor", "agent", "emergency-stop", "daemon"
  std::string relief;                // why it goes on; empty: a person said so
};
// Something that the run wanted to do was not done, or was done in another way.
struct AgentOverride {
  std::string op, target;           // "read", "write", "exec", "connect", "call"; as in AgentAction
  std::string outcome;              // "rewritten", "forbidden", "denied", "expired", "stopped"
  std::string by;                   // "person", "rule", "nobody": time was over, or too much was asked
  std::string say, rule, fileLine;  // as in AgentVerdict
  std::uint64_t count = 1;          // so many alike
  // "rewritten": what was done in place of it; what is empty or absent was not changed.
  std::vector<std::string> argv;
  std::optional<std::string> path, host;  // as argv
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
// What to be held, held with its memory taken back, and killed would cost the run now.
struct AgentInterruptionCosts {
  AgentInterruption freeze, freezeAndReclaim, kill;
  // What the run is seen to do: "waiting-for-person", "waiting-for-model", "streaming", "tool-running"; empty: not
  // known.
  std::string activity;
  std::optional<std::chrono::milliseconds> sinceSafePoint;  // absent: none is known, a kill loses all since its start
};

// The run that this program is in, as its daemon sees it. It has connections of its own, made when a call needs one.
class Agent {
 public:
  // Connects to nothing yet.
  explicit Agent(AgentOptions options = AgentOptions());
  // Of one that was moved from nothing may be called. When it ends, what it asked and nobody answered is taken back 5 s
  // later, and reports that are kept are lost: see flush().
  Agent(Agent&& other) noexcept;
  Agent& operator=(Agent&& other) noexcept;
  ~Agent();

  // Why there is nobody to talk to at all; empty inside a fence. Never blocks.
  std::string absent() const;
  // Why the last call brought nothing; empty: it did. What the daemon refused begins with "invalid: ".
  // Borrowed until the next call.
  const std::string& trouble() const;

  // Which run this is. Nothing: nobody answered.
  std::optional<AgentIdentity> whoami();
  // Counts what one call to a model used against the budgets of the policy. Totals: the report can be lost no more.
  // Nothing: nobody answered; it is kept (1024 of them) and goes with the next call, and counts once. One that is
  // refused as invalid is not kept.
  std::optional<AgentTotals> reportUsage(const AgentUsage& usage);
  // The same without waiting for anything: it is sent at once where that is possible, else by the next call, poll()
  // too. False: there is nobody to talk to at all, see absent().
  bool reportUsageLater(const AgentUsage& usage);
  // How many were given up: more than 1024 waited, or one of reportUsageLater() was refused as invalid.
  std::uint64_t lostReports() const;
  // Sends what is kept and waits for that; best called before the program ends. True: nothing is left.
  bool flush();

  // What it does now, shown to people as its own words. Cut at 1 KiB; empty takes it back. `hook`: of a program that an
  // agent calls, the agent's event that called it, at most 64 bytes. False: nobody heard it.
  bool say(std::string_view text, std::string_view hook = {});
  // The same with how much of it is done, 0 to 100; what is beyond is 100.
  bool progress(std::string_view text, unsigned percent);
  // Freezes the run, this program included, until the person that owns it lets it go on; true then. False: nobody heard
  // it, and the program goes on: it should end itself if it must not. `why`: for that person, cut at 1 KiB.
  bool stop(std::string_view why);
  // What was done so far is kept somewhere: to be ended now costs nothing but `redo` of work (at most 10^6 s), which
  // would have to be done again all the same. Believed up to what would be lost without it. False: nobody heard it.
  bool safePoint(std::chrono::milliseconds redo = {});
  // What an interruption would cost now, with a hold so long (at most a day). Nothing: nobody answered, or nobody
  // knows yet.
  std::optional<AgentInterruptionCosts> interruptionCost(std::chrono::milliseconds hold = std::chrono::seconds(10));
  // A pause that was announced may come at once. (So it may after safePoint().) False: nobody heard it.
  bool ready();
  // What was denied last, or which limit was reached, as the JSON object that $RINGFENCE_DENIALS has. Nothing: nothing
  // was, or nobody answered (then trouble() says so).
  std::optional<std::string> why();

  // Asks before something is done, and blocks for at most `patience`: what the policy knows it says at once, what it
  // asks about waits for a person. What is not answered is not allowed; the question goes on, and guard() or
  // pollGuard() with the same id waits for the same answer. With this Agent gone for 5 s it ends.
  AgentVerdict guard(const AgentAction& action, std::chrono::milliseconds patience);
  // The same without waiting, for a loop of one's own: the id to poll by, which is a new one where the action has none.
  std::string startGuard(const AgentAction& action);
  // The answer, once; nothing: not yet. Never blocks. To be called when guardFd() is readable, and now and then: a lost
  // connection is made anew by polling.
  std::optional<AgentVerdict> pollGuard(const std::string& id);
  // For poll(2) alone: it is the Agent's, and another one when a lost connection was made anew. -1: no connection now.
  int guardFd() const;

  // What the run is told unasked, from now on. Callbacks are called by poll() and by nothing else, in its thread; what
  // one throws passes through it, and what came together with that is lost. They may call this Agent, but not these
  // three. When all of onPause answered kReady, poll() says that too; a pause comes without for memory that runs out,
  // by the emergency stop and by a person who wants it at once, and where the policy has no `priority.preempt_grace`.
  void onPause(std::function<PauseAnswer(const AgentPause&)> callback);
  void onResume(std::function<void(const AgentResumed&)> callback);
  void onOverride(std::function<void(const AgentOverride&)> callback);
  // Calls them for what came, and never waits; how many notices that were. To be called when noticesFd() is readable,
  // and now and then: a lost connection is made anew by polling.
  std::size_t poll();
  // As guardFd(), for poll().
  int noticesFd() const;
  // How many came faster than they were taken, and were dropped (64 are kept).
  std::uint64_t missedNotices() const;

  // A turn on the NPUs or GPUs that the run has by its policy: no other program that asked has one meanwhile, of any
  // run. It gives no right. Ends with release() or its own end, and when the run is frozen. It may outlive its Agent.
  // In a child of fork() it is not held, and its end there ends nothing.
  class Lease {
   public:
    // One that is assigned to ends its own turn first. One that was moved from holds nothing.
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();
    // Looks whether it was lost meanwhile, which why() says then. Never blocks.
    bool isHeld();
    // Ends it; one that is over stays so. Never blocks.
    void release();
    // What it is a turn on, as `ringfence top` calls them; none where it was never held. Borrowed.
    const std::vector<std::string>& devices() const { return devices_; }
    // How much of each the run may use by its policy; 0 where it was never held.
    unsigned percent() const { return percent_; }
    // Why it is not held: "busy: …", "unavailable: …", that it was lost or released; empty: it is, as far as isHeld()
    // looked. Borrowed until that is called.
    const std::string& why() const { return why_; }
    // For poll(2) alone: readable when it was lost, and isHeld() says so. -1: it is not held.
    int fd() const;

   private:
    friend class Agent;
    class Held;
    Lease();
    std::unique_ptr<Held> held_;
    std::vector<std::string> devices_;
    unsigned percent_ = 0;
    std::string why_;
  };
  // `device`: "npu" or "gpu", of those in `limits` of its policy. Waits for at most `wait` (an hour; 0: not at all) for
  // others to end theirs; blocks for that and AgentOptions::timeout. One that was not had is not held, and says why.
  Lease lease(std::string_view device, std::chrono::milliseconds wait);

  // While it lives, and for no longer than was granted, a hold of the governor or a person's freeze is put off. It must
  // not outlive its Agent, which must not be moved meanwhile. Its end is told to the daemon, and blocks as a call does.
  class CriticalSection {
   public:
    // With one that was moved from nothing ends.
    CriticalSection(CriticalSection&& other) noexcept : agent_(other.agent_), granted_(other.granted_) {
      other.agent_ = nullptr;
    }
    CriticalSection& operator=(CriticalSection&&) = delete;
    ~CriticalSection();
    // For how long it is; 0: not at all.
    std::chrono::milliseconds granted() const { return granted_; }

   private:
    friend class Agent;
    CriticalSection(Agent* agent, std::chrono::milliseconds granted) : agent_(agent), granted_(granted) {}
    Agent* agent_;
    std::chrono::milliseconds granted_;
  };
  // Begins one of at most `length` (a day), as `priority.preempt_grace` of the policy allows, and not before ten times
  // as long as the last one has passed: granted() says what came of it. `redo`: work that a hold within it would have
  // it do again; absent: not told. Believed up to what was done since the last safe point. Where that is less than the
  // time that is left, a hold comes at once.
  [[nodiscard]] CriticalSection criticalSection(std::chrono::seconds length,
                                                std::optional<std::chrono::milliseconds> redo = {});

 private:
  class Link;
  std::unique_ptr<Link> link_;
};

}  // namespace ringfence
