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
// Questions of the run are told to whoever follows it, to be shown; they are answered elsewhere.
using RunEvent = std::variant<StoppedBy, Continued, ExitStatus, PendingItem, PendingGone>;

struct WallReading {
  std::string wall, wanted, got, proved;
  bool up = false;
};
struct Usage {
  std::optional<std::uint64_t> cpuUsec, memoryBytes, memoryPeakBytes, pids, ioReadBytes, ioWriteBytes;
};
struct RunDetails {
  std::string id, name, state;
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
  Answer<RunDetails> show(const std::string& run);
  // The terminal's master (or the output ring when the run has no terminal), then run events as after run().
  struct Attached {
    UniqueFd output;
    bool isTerminal = false;
  };
  Answer<Attached> attach(const std::string& run);
  Answer<UniqueFd> outputRing(const std::string& run);

  enum class Verb { kFreeze, kResume, kStop, kKill };
  // `run` empty: all that the peer controls. The ids acted on.
  Answer<std::vector<std::string>> act(Verb verb, const std::string& run);

  // The log from `sinceSeq` and `sinceWall` on (zero: all); then, with follow, as facts happen. nextLogLine: nullopt
  // after the last.
  Answer<std::monostate> beginLog(const std::string& run, std::uint64_t sinceSeq, bool follow,
                                  std::chrono::microseconds sinceWall = {});
  Answer<std::optional<LogLine>> nextLogLine();

  Answer<VerifyAnswer> verify(const std::string& against);
  Answer<Document> doctor();
  Answer<std::vector<UsageRow>> usage(const std::string& run);
  Answer<std::monostate> trust(const std::string& file, const std::string& hash);

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
  static Result<Client> greet(const std::string& socketPath);
  std::optional<Failure> hearHello();

  UniqueFd socket_;
  std::uint64_t nextId_ = 1;
  std::uint64_t helloId_ = 0;        // of the Hello whose answer was not heard yet
  std::uint64_t streamId_ = 0;       // id whose answers nextRunEvent and nextLogLine return
  std::deque<std::string> waiting_;  // packets of the stream that came out of turn; bounded
};

}  // namespace ringfence::client
