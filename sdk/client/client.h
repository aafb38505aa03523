// The control socket for C++ programs: blocking calls, and fd() with receive() for those with a loop of their own.
// Holds no protobuf in its interface. Not thread-safe. Every reply is bounded before it is believed.
//
//   auto client = RF_TRY(Client::connect());
//   RunList runs = RF_TRY(client.list(false));
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "sdk/client/questions.h"

namespace ringfence::client {

struct PolicyText {
  std::string file;
  std::string text;
  std::string path = {};  // absolute
};
enum class StdioMode { kDescriptors, kTerminal, kCaptured };
struct ExtraPath {
  std::string path;
  bool writable = false;
};
// Counts as an entry of network.allow. Port 0: any.
struct HostGrant {
  std::string host;
  std::uint16_t port = 0;
};

// What the command was fitted to, so that it speaks. `speaks`: events of the agent's own with which its hook is heard.
struct AdapterUse {
  std::string name;
  std::vector<std::string> speaks;
  std::uint32_t silentAfterSec = 0;  // of work without one of them: an alarm; 0: never
  // Where the program is, inside, that makes the agent's files ready by `settings` and becomes the command; empty: none
  // does.
  std::string start, settings;
  // By which signal the command is asked to end, and how long it has for that; 0: SIGTERM, 5 s.
  std::uint32_t stopSignal = 0, stopPatienceSec = 0;
};
struct RunRequest {
  std::string name;
  std::string policy;  // a name; empty: the default
  std::optional<PolicyText> policyFile;
  std::vector<PolicyText> userPolicies;
  std::optional<PolicyText> projectPolicy;
  std::string workspace;
  int workspaceFd = -1;  // O_PATH directory; borrowed
  std::string workingDirectory;
  std::vector<std::string> argv;
  std::string executable;
  std::string installTree;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::pair<std::string, std::string>> extraEnvironment;
  std::vector<ExtraPath> extraPaths;
  std::vector<HostGrant> allowHosts;
  StdioMode stdio = StdioMode::kDescriptors;
  int stdioFds[3] = {0, 1, 2};  // borrowed; kDescriptors only
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  bool detached = false;
  std::string asUser;
  bool unattended = false;
  std::optional<AdapterUse> adapter;
};

struct Weakening {
  std::string wall;
  std::string reason;
};
struct RunAccepted {
  std::string run;
  std::string name;
  std::int32_t pid = 0;
  std::vector<Weakening> weakened;
  std::vector<std::string> notes;
  UniqueFd terminal;
};
// A file that a run changed and that runs or is obeyed later outside because of its name.
struct LaterFile {
  std::string path;      // relative to the workspace where it is in it
  std::string obeyedBy;  // "make"
  std::optional<std::int32_t> pid;
  std::string name;
};
struct LaterReport {
  std::vector<LaterFile> files;
  std::uint64_t more = 0;
};
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
  bool outOfMemory = false;
  std::string note;
  std::optional<LaterReport> later;  // absent: nobody watched what it changed
};
struct StoppedBy {
  int signal = 0;
};
struct Continued {};
// The governor holds the run, or lets it go on, and why.
struct Governed {
  bool held = false;
  std::string reason;
};
// Questions of the run are told to whoever follows it, to be shown; they are answered elsewhere.
using RunEvent = std::variant<StoppedBy, Continued, ExitStatus, PendingItem, PendingGone, Governed>;

struct WallReading {
  std::string wall, wanted, got, proved;
  bool up = false;
};
// Of one GPU ("gpu") or NPU ("npu"). `scope`: of whom the kernel tells (client, process, device); `confidence`:
// measured or estimated.
struct AcceleratorUse {
  std::string device, kind, scope, confidence;
  std::optional<std::uint64_t> busyUsec, memoryBytes;
};
// Time in which something waited for it.
struct Pressure {
  std::optional<std::uint64_t> cpuUsec, memoryUsec, ioUsec;
};
// A budget of the policy, in force now: tokens, US dollars, questions or seconds.
struct Budget {
  std::string limit;           // below "limits." in the policy
  std::optional<double> used;  // absent: nothing is known
  double edge = 0;             // a run that a person let go on there has a later one than its policy says
  double warnAt = 0;
  std::string day;    // of a budget of a day: which, "2026-03-31"; else empty
  std::string state;  // "below", "near" (from warnAt on) or "reached"
};
// What one user's runs under the policy of one name spent on one day.
struct DaySpending {
  std::uint32_t uid = 0;
  std::string policy, day;
  std::optional<std::uint64_t> tokens;  // absent: none were reported or seen
  std::optional<double> costUsd;
  bool costEstimated = false, costIncomplete = false;
  std::optional<std::uint64_t> prompts;     // questions that were put to a person; absent: none
  std::optional<std::uint64_t> wallTimeMs;  // of runs that ended, and of live ones until now
};
struct Usage {
  std::optional<std::uint64_t> cpuUsec, memoryBytes, memoryPeakBytes, pids, ioReadBytes, ioWriteBytes;
  std::optional<std::uint64_t> npuUsec, gpuUsec, tokens;
  std::optional<std::uint64_t> anonymousBytes, networkSentBytes, networkReceivedBytes;
  Pressure pressure;
  std::vector<AcceleratorUse> accelerators;
  std::optional<double> costUsd;     // of models; absent: nothing of it is known
  bool costEstimated = false;        // some of it is list prices times tokens
  bool costIncomplete = false;       // of some tokens no cost is known
  std::vector<Budget> budgets = {};  // of the policy
};
// Who holds a frozen run, and why: the governor, which lets go by itself; else a person, who has byUid ("asked"), or
// the daemon ("found frozen after a restart").
struct HeldBy {
  bool governor = false;
  std::uint32_t byUid = 0;
  std::string reason, since;
  std::string
      by;  // "governor", "person", "restart", "questions", "prompts", "no-records", "another-program", "emergency stop"
  std::string cause;  // of the governor: "limit"
};
// A person freezes it, and it goes on until its agent's moment, for so long at most.
struct Pausing {
  std::uint32_t byUid = 0;
  std::string asked;  // RFC 3339
  std::chrono::milliseconds within{};
};
struct AlarmLine {
  std::string kind, reason, at;
};
struct RunDetails {
  std::string id, name, state, priority;  // its class: interactive, background or idle; empty: not told
  std::optional<ExitStatus> exit;
  std::uint32_t uid = 0;
  std::uint32_t callerUid = 0;
  std::int32_t pid = 0;
  std::vector<std::string> command;
  std::string workspace, policyName, policyHash, started, ended, token;
  std::string policyFile, policyFileSha256;  // of the file that the launch named; empty: it named none
  std::vector<Weakening> weakened;
  std::vector<WallReading> walls;
  Usage usage;
  std::vector<std::string> notes;
  std::optional<HeldBy> held;      // of a frozen one
  std::optional<Pausing> pausing;  // of one that is about to be, whose state is "running"
  std::vector<AlarmLine> alarms;
  std::vector<AlarmLine> limitsReached;  // `kind`: which
  std::string says, saidAt;              // by its agent, of what it does: its own words; empty: nothing
  std::string adapter, hookHeardAt;      // empty: it has none; its hook was not heard by this daemon
};
// Of the emergency stop.
struct StopState {
  bool latched = false;     // nothing starts, nothing is resumed
  std::string trigger, at;  // then; RFC 3339
  std::string alarm;        // why nobody could stop everything now; empty: they can
};
struct RunListing {
  std::vector<RunDetails> runs;
  StopState stop = {};
};
struct LogLine {
  std::uint64_t seq = 0;
  std::string at, run, kind, bodyJson, hash;
};
struct VerifyAnswer {
  bool ok = false;
  std::uint64_t facts = 0;
  std::string head;
  std::uint64_t firstBadSeq = 0;
  std::string detail;
};
struct UsageRow {
  std::string run, name, state;
  Usage usage;
};
struct Energy {
  std::string domain;
  std::uint64_t microjoules = 0;
};
struct Battery {
  std::optional<std::uint32_t> percent;
  bool discharging = false;
  std::optional<std::uint64_t> microwatts;
};
// Of the whole machine.
struct Device {
  std::optional<std::uint32_t> cpus;
  std::optional<std::uint64_t> cpuBusyUsec, memoryTotalBytes, memoryAvailableBytes;
  Pressure pressure;
  std::vector<Energy> energy;                // empty: it does not tell, or not to this user
  std::optional<Battery> battery;            // absent: it has none
  std::vector<AcceleratorUse> accelerators;  // those that count themselves
};
// Of one second, minute or hour. Counters as they were at its end.
struct UsageBucket {
  std::string run;
  std::chrono::microseconds start{};
  std::uint32_t seconds = 1;
  std::optional<std::uint64_t> cpuUsec = {}, ioReadBytes = {}, ioWriteBytes = {}, memoryMin = {}, memoryMean = {},
                               memoryMax = {}, pidsMax = {};
};
struct UsageReport {
  std::vector<UsageRow> rows;
  std::vector<UsageBucket> series;  // where a time was named
  std::optional<Device> device;     // where no run was named
  std::vector<DaySpending> today;   // where no time was named: of whoever's runs may be seen
};
// What it would cost a run to be interrupted now: estimates. Absent: not known.
struct Price {
  std::optional<double> seconds, tokens, workCpuSeconds;
  bool forbidden = false;  // it must not be done now: `why` says so
  std::string why;
  std::string cheaperAfter;  // RFC 3339; empty: waiting brings nothing, or nobody knows
};
struct PriceAnswer {
  std::string run, name;
  std::chrono::microseconds hold{};
  Price freeze, freezeAndReclaim, kill;
  std::string safePoint;  // RFC 3339; empty: none is known, what a kill loses is counted from the start
  // "waiting-for-person", "waiting-for-model" (or for another server), "streaming", "tool-running"; empty: not known.
  std::string activity;
};
// What of a person's program is taken from agents first.
struct ProtectedPart {
  std::string what;    // "memory", "disk", "video memory"
  std::string amount;  // empty: not protected, and
  std::string why;     // why not
};
struct FocusAnswer {
  std::int32_t pid = 0;  // 0: nobody has the focus
  std::string group;
  std::vector<ProtectedPart> parts;
};
// What is kept of HOME for the runs of one user under the policy of one name.
struct PrivateHome {
  std::uint32_t uid = 0;
  std::string policy;
  std::string lastUsed;     // RFC 3339: a run was started in it or ended
  std::uint64_t bytes = 0;  // on the disk
  bool isMore = false;      // than these bytes
  // "goes"; else it stays: "in-use" by a live run, "recent" (used since then) or "stuck", and `why`.
  std::string fate, why;
};
struct Pruned {
  std::uint64_t removed = 0, removedBytes = 0;
  std::vector<std::string> left;  // what could not be removed, and why; it is tried again by the next prune and daemon
};
struct Document {
  std::string json;
  std::string text;
};

// A refusal by the daemon, as it said it. `exitCode` is the one that the command line ends with.
struct Refusal {
  std::string code, message, token, json;
  int exitCode = 1;
};
// Like Error, but keeps what the daemon said. kUnavailable and no refusal: the daemon is not reachable or went away;
// `run` is then the id that a run has that was being started, if it exists.
struct Failure {
  Error error;
  std::optional<Refusal> refusal;
  std::string run = {};
};

template <typename T>
using Answer = std::variant<T, Failure>;

class Client {
 public:
  // $RINGFENCE_SOCKET, else /run/ringfence/control.sock. Fails with kUnavailable when nobody listens, kDenied when the
  // peer is neither root nor this user. Says Hello and checks the protocol.
  static Result<Client> connect();
  static Result<Client> connectTo(const std::string& socketPath);
  // As connect, without waiting for the answer to Hello: the first request fails when it is not what it should be.
  static Result<Client> connectAhead();

  Client(Client&&) = default;
  Client& operator=(Client&&) = default;

  int fd() const { return socket_.get(); }

  // Returns when the command runs. Its events follow: nextRunEvent blocks for the next; run at most one per connection.
  Answer<RunAccepted> run(const RunRequest& request);
  Answer<Document> dryRun(const RunRequest& request);
  Answer<RunEvent> nextRunEvent();
  // True when an event came while another answer was awaited: nextRunEvent returns it at once, and poll(fd()) would not
  // tell. To be asked before poll.
  bool hasWaitingEvent() const { return !waiting_.empty(); }
  Answer<std::monostate> signal(const std::string& run, int signal);
  // The run goes on when this connection closes: its output goes to its bounded log.
  Answer<std::monostate> detach(const std::string& run);

  Answer<std::vector<RunDetails>> list(bool all);
  // With what there is to know of the emergency stop.
  Answer<RunListing> listing(bool all);
  Answer<RunDetails> show(const std::string& run);
  // The terminal's master (or the output ring when the run has no terminal), then run events as after run().
  struct Attached {
    UniqueFd output;
    bool isTerminal = false;
  };
  Answer<Attached> attach(const std::string& run);
  Answer<UniqueFd> outputRing(const std::string& run);

  // kFreeze: at the moment of an agent that asked for one, and at once when it is asked for again. kResume takes that
  // back.
  enum class Verb { kFreeze, kFreezeAtOnce, kResume, kStop, kKill };
  // `pausing`: those of `runs` that are not frozen yet.
  struct Acted {
    std::vector<std::string> runs, pausing;  // ids
  };
  // `run` empty: all that the peer controls.
  Answer<Acted> act(Verb verb, const std::string& run);

  // The log from `sinceSeq` and `sinceWall` on (zero: all); then, with follow, as facts happen. nextLogLine: nullopt
  // after the last.
  Answer<std::monostate> beginLog(const std::string& run, std::uint64_t sinceSeq, bool follow,
                                  std::chrono::microseconds sinceWall = {});
  Answer<std::optional<LogLine>> nextLogLine();

  Answer<VerifyAnswer> verify(const std::string& against);
  Answer<Document> doctor();
  // Absent `since`: what is used now. Otherwise the series of the samples since then (wall clock).
  Answer<UsageReport> usage(const std::string& run, std::optional<std::chrono::microseconds> since = std::nullopt);
  // What freezing it for `hold`, the same with its memory taken back, and killing it would cost now.
  Answer<PriceAnswer> price(const std::string& run, std::chrono::microseconds hold);
  // Names a process of this user's own that is protected as long as it lives. Refused as busy within 200 ms of the last
  // change.
  Answer<FocusAnswer> setFocus(std::int32_t pid);
  Answer<FocusAnswer> clearFocus();
  Answer<FocusAnswer> focus();
  Answer<std::monostate> trust(const std::string& file, const std::string& hash);
  // The private homes of this user, of everybody for an administrator, and what becomes of each: those go that no live
  // run uses and none was started or ended in for `unusedFor`. Told before anything is removed; pruned() blocks until
  // it is. After a dry run there is nothing to wait for. One at a time on a connection, and no other stream.
  enum class Removal { kForGood, kDryRun };
  Answer<std::vector<PrivateHome>> prune(std::chrono::seconds unusedFor, Removal removal);
  Answer<Pruned> pruned();
  // The emergency stop ends. The runs that it left held, which are resumed one by one.
  Answer<std::vector<std::string>> rearm();

  // The questions that wait, of one run or (empty) of all that the peer may see; kYes: then what is asked and settled,
  // until the connection ends. nextPending: nullopt after the last. One stream a connection.
  enum class Watch { kNo, kYes };
  Answer<std::monostate> beginPending(const std::string& run, Watch watch);
  Answer<std::optional<PendingEvent>> nextPending();
  // A refusal with exit code 5 when the question was answered or expired before.
  Answer<std::monostate> answer(const QuestionAnswer& answer);
  // `run` empty: all that the peer may see.
  Answer<std::vector<GrantRow>> grants(const std::string& run, GrantsShown shown = GrantsShown::kInForce);
  Answer<std::monostate> revokeGrant(std::uint64_t id);
  // What the rules that a run has say of operation, target and argv.
  Answer<WhyAnswer> why(const std::string& run, const PendingAction& action);

 private:
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {}
  struct Exchange;  // packets, in exchange.h
  static Answer<FocusAnswer> focusAnswer(Exchange& exchange);
  static Result<Client> greet(const std::string& socketPath);
  std::optional<Failure> hearHello();

  UniqueFd socket_;
  std::uint64_t nextId_ = 1;
  std::uint64_t helloId_ = 0;        // of the Hello whose answer was not heard yet
  std::uint64_t streamId_ = 0;       // id whose answers nextRunEvent and nextLogLine return
  std::deque<std::string> waiting_;  // packets of the stream that came out of turn; bounded
};

}  // namespace ringfence::client
