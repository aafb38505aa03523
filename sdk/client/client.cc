#include "sdk/client/client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <utility>

#include "sdk/client/convert.h"
#include "sdk/client/dial.h"
#include "sdk/client/exchange.h"

namespace ringfence::client {
namespace {

constexpr std::uint32_t kProtocol = 1;
constexpr timeval kHelloPatience{10, 0};
constexpr timeval kNoTimeout{0, 0};

}  // namespace

Result<Client> Client::connect() { return connectTo(controlSocketPath()); }

Result<Client> Client::connectAhead() { return greet(controlSocketPath()); }

Result<Client> Client::connectTo(const std::string& socketPath) {
  Client client = RF_TRY(greet(socketPath));
  if (auto failure = client.hearHello()) return std::move(failure->error).with(socketPath);
  return client;
}

Result<Client> Client::greet(const std::string& socketPath) {
  Client client(RF_TRY(dial(socketPath)));
  (void)::setsockopt(client.fd(), SOL_SOCKET, SO_RCVTIMEO, &kHelloPatience,
                     sizeof kHelloPatience);  // Without it: waits for ever.
  Exchange hello(client);
  hello.request.mutable_hello()->set_protocol(kProtocol);
  // A Hello that cannot be sent may still have an answer waiting: the reason why the connection was closed.
  if (auto sent = hello.send(); !sent && sent.error().sysErrno != EPIPE)
    return std::move(sent).error().with(socketPath);
  client.helloId_ = hello.id();
  return client;
}

std::optional<Failure> Client::hearHello() {
  if (helloId_ == 0) return std::nullopt;
  Exchange hello(*this);
  hello.request.set_id(std::exchange(helloId_, 0));
  if (auto failure = hello.receive()) return failure;
  if (!hello.answer.has_hello() || hello.answer.hello().protocol() != kProtocol) {
    return failed(
        {ErrorCode::kUnsupported, "the daemon speaks another protocol; use the client of the daemon's version"});
  }
  (void)::setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &kNoTimeout, sizeof kNoTimeout);
  return std::nullopt;
}

Answer<RunAccepted> Client::run(const RunRequest& request) {
  Exchange exchange(*this);
  toMessage(request, *exchange.request.mutable_run());
  exchange.fds.push_back(request.workspaceFd);
  if (request.stdio == StdioMode::kDescriptors)
    exchange.fds.insert(exchange.fds.end(), request.stdioFds, request.stdioFds + 3);
  std::string named;
  auto failure = exchange.ask();
  while (!failure && exchange.answer.has_run_named()) {
    named = exchange.answer.run_named().run();
    failure = exchange.receive();
  }
  if (failure) {
    if (!failure->refusal) failure->run = std::move(named);
    return *std::move(failure);
  }
  if (!exchange.answer.has_run_accepted()) return Exchange::unexpected("a started run");
  const v1::RunAccepted& message = exchange.answer.run_accepted();
  RunAccepted accepted{message.run(), message.name(), message.pid(), weakeningsOf(message.weakened()), {}, {}};
  accepted.notes.assign(message.notes().begin(), message.notes().end());
  if (message.has_terminal()) {
    if (exchange.received.size() != 1) return Exchange::unexpected("the run's terminal");
    accepted.terminal = std::move(exchange.received[0]);
  }
  streamId_ = exchange.answer.last() ? 0 : exchange.id();
  return accepted;
}

Answer<Document> Client::dryRun(const RunRequest& request) {
  Exchange exchange(*this);
  toMessage(request, *exchange.request.mutable_run());
  exchange.request.mutable_run()->set_dry_run(true);
  if (request.workspaceFd >= 0) exchange.fds.push_back(request.workspaceFd);
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_json()) return Exchange::unexpected("a plan");
  return Document{exchange.answer.json().json(), exchange.answer.json().text()};
}

Answer<RunEvent> Client::nextRunEvent() {
  v1::ServerPacket packet;
  if (auto failure = Exchange::receiveStream(*this, packet)) return *std::move(failure);
  const v1::RunEvent& event = packet.run_event();
  switch (event.event_case()) {
    case v1::RunEvent::kStoppedBy: return RunEvent(StoppedBy{event.stopped_by()});
    case v1::RunEvent::kContinued: return RunEvent(Continued{});
    case v1::RunEvent::kEnded: return RunEvent(fromMessage(event.ended()));
    case v1::RunEvent::kAsked: return RunEvent(fromMessage(event.asked()));
    case v1::RunEvent::kSettled: return RunEvent(fromMessage(event.settled()));
    case v1::RunEvent::kGoverned: return RunEvent(Governed{event.governed().held(), event.governed().reason()});
    case v1::RunEvent::EVENT_NOT_SET: break;
  }
  return Exchange::unexpected("an event of the run");
}

Answer<std::monostate> Client::signal(const std::string& run, int signal) {
  Exchange exchange(*this);
  exchange.request.mutable_signal()->set_run(run);
  exchange.request.mutable_signal()->set_signal(signal);
  if (auto failure = exchange.ask()) return *std::move(failure);
  return std::monostate{};
}

Answer<std::monostate> Client::detach(const std::string& run) {
  Exchange exchange(*this);
  exchange.request.mutable_detach()->set_run(run);
  if (auto failure = exchange.ask()) return *std::move(failure);
  return std::monostate{};
}

Answer<RunDetails> Client::show(const std::string& run) {
  Exchange exchange(*this);
  exchange.request.mutable_show()->set_run(run);
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_details()) return Exchange::unexpected("a run's details");
  return fromMessage(exchange.answer.details());
}

Answer<Client::Attached> Client::attach(const std::string& run) {
  Exchange exchange(*this);
  exchange.request.mutable_attach()->set_run(run);
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_output() || exchange.received.size() != 1) return Exchange::unexpected("the run's output");
  streamId_ = exchange.answer.last() ? 0 : exchange.id();
  return Attached{std::move(exchange.received[0]), exchange.answer.output().is_terminal()};
}

Answer<UniqueFd> Client::outputRing(const std::string& run) {
  Exchange exchange(*this);
  exchange.request.mutable_logs()->set_run(run);
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_output() || exchange.received.size() != 1) return Exchange::unexpected("the run's output");
  return std::move(exchange.received[0]);
}

Answer<Client::Acted> Client::act(Verb verb, const std::string& run) {
  Exchange exchange(*this);
  v1::RunSelector* selector = nullptr;
  switch (verb) {
    case Verb::kFreeze:
    case Verb::kFreezeAtOnce: selector = exchange.request.mutable_freeze(); break;
    case Verb::kResume: selector = exchange.request.mutable_resume(); break;
    case Verb::kStop: selector = exchange.request.mutable_stop(); break;
    case Verb::kKill: selector = exchange.request.mutable_kill(); break;
  }
  selector->set_run(run);
  selector->set_all(run.empty());
  if (verb == Verb::kFreezeAtOnce) selector->set_at_once(true);
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_done()) return Exchange::unexpected("the runs acted on");
  const v1::Done& done = exchange.answer.done();
  return Acted{{done.runs().begin(), done.runs().end()}, {done.pausing().begin(), done.pausing().end()}};
}

Answer<std::monostate> Client::beginLog(const std::string& run, std::uint64_t sinceSeq, bool follow,
                                        std::chrono::microseconds sinceWall) {
  Exchange exchange(*this);
  v1::LogRequest& log = *exchange.request.mutable_log();
  log.set_run(run);
  log.set_since_seq(sinceSeq);
  log.set_follow(follow);
  log.set_since_usec(sinceWall.count());
  if (auto sent = exchange.send(); !sent) return failed(std::move(sent).error());
  waiting_.clear();
  streamId_ = exchange.id();
  return std::monostate{};
}

Answer<std::optional<LogLine>> Client::nextLogLine() {
  if (streamId_ == 0) return std::optional<LogLine>();
  v1::ServerPacket packet;
  if (auto failure = Exchange::receiveStream(*this, packet)) return *std::move(failure);
  if (packet.has_done()) return std::optional<LogLine>();
  if (!packet.has_log_line()) return Exchange::unexpected("a line of the log");
  return std::optional<LogLine>(fromMessage(packet.log_line()));
}

Answer<VerifyAnswer> Client::verify(const std::string& against) {
  Exchange exchange(*this);
  exchange.request.mutable_verify()->set_against(against);
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_verify()) return Exchange::unexpected("a verification");
  const v1::VerifyAnswer& message = exchange.answer.verify();
  return VerifyAnswer{message.ok(), message.facts(), message.head(), message.first_bad_seq(), message.detail()};
}

Answer<Document> Client::doctor() {
  Exchange exchange(*this);
  exchange.request.mutable_doctor();
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_json()) return Exchange::unexpected("the doctor's report");
  return Document{exchange.answer.json().json(), exchange.answer.json().text()};
}

Answer<UsageReport> Client::usage(const std::string& run, std::optional<std::chrono::microseconds> since) {
  Exchange exchange(*this);
  exchange.request.mutable_usage()->set_run(run);
  if (since) exchange.request.mutable_usage()->set_since_usec(since->count());
  UsageReport report;
  auto failure = exchange.ask();
  for (;; failure = exchange.receive()) {
    if (failure) return *std::move(failure);
    if (!exchange.answer.has_usage()) return Exchange::unexpected("usage");
    for (const v1::UsageRow& row : exchange.answer.usage().rows()) {
      report.rows.push_back({row.run(), row.name(), row.state(), fromMessage(row.usage())});
    }
    for (const v1::UsageBucket& bucket : exchange.answer.usage().series()) report.series.push_back(fromMessage(bucket));
    for (const v1::DaySpending& one : exchange.answer.usage().today()) report.today.push_back(fromMessage(one));
    if (exchange.answer.usage().has_device()) report.device = fromMessage(exchange.answer.usage().device());
    if (exchange.answer.last()) return report;
  }
}

Answer<std::monostate> Client::trust(const std::string& file, const std::string& hash) {
  Exchange exchange(*this);
  exchange.request.mutable_trust()->set_file(file);
  exchange.request.mutable_trust()->set_hash(hash);
  if (auto failure = exchange.ask()) return *std::move(failure);
  return std::monostate{};
}

}  // namespace ringfence::client
